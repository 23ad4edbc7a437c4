import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type MailServer, startMailServer } from "@ocelli/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { findLeaks } from "./harness/leaks.ts";
import { dataDirectory, type OcelliProcess, removeFolders, startOcelli } from "./harness/ocelli-process.ts";
import { type OtlpReceiver, startOtlpReceiver } from "./harness/otlp-receiver.ts";
import { liveSecretly, planted, publicUrl, type Refusal, type Secrets } from "./harness/secret-life.ts";

let ocelli: OcelliProcess;
let otlp: OtlpReceiver;
let mail: MailServer;
let hooks: Server;
let secrets: Secrets;
let refusals: Refusal[];
let debugTraces: string;
let metrics: string;

beforeAll(async () => {
  otlp = await startOtlpReceiver();
  mail = await startMailServer({
    refuseRecipient: (address) => (address === planted.refusedEmail ? 550 : undefined),
  });
  hooks = createServer((request, response) => {
    request.resume();
    response.writeHead(500).end(`no, ${planted.webhookPath} is not welcome`);
  });
  await new Promise<void>((resolve) => hooks.listen(0, "127.0.0.1", resolve));
  const { port } = hooks.address() as AddressInfo; // it listens on a port
  ocelli = await startOcelli(["up"], {
    OCELLI_DATA: dataDirectory(),
    OTEL_EXPORTER_OTLP_ENDPOINT: otlp.endpoint,
    LOG_LEVEL: "trace",
    DEBUG_TRACES: "true",
    PUBLIC_URL: publicUrl,
    SMTP_URL: mail.url,
    SMTP_INSECURE: "true",
    WEBHOOKS_ALLOW_HTTP: "true",
    WEBHOOKS_ALLOW_PRIVATE: "true",
  });
  ({ secrets, refusals } = await liveSecretly({
    address: ocelli.address,
    mail,
    hooks: `http://127.0.0.1:${port}`,
  }));
  debugTraces = await everyTrace(ocelli.address);
  metrics = await (await fetch(`${ocelli.address}/metrics`)).text();
  await ocelli.end("SIGTERM");
}, 240_000);

afterAll(async () => {
  await ocelli?.end("SIGKILL");
  otlp?.close();
  hooks?.close();
  await mail?.stop();
  removeFolders();
});

/** The list and every waterfall of `/debug/traces`. */
async function everyTrace(address: string): Promise<string> {
  const text = await (await fetch(`${address}/debug/traces.json?background=true`)).text();
  const list = z.object({ items: z.array(z.object({ traceId: z.string() })) }).parse(JSON.parse(text));
  const each = list.items.map(async ({ traceId }) =>
    (await fetch(`${address}/debug/traces/${traceId}.json`)).text(),
  );
  return [text, ...(await Promise.all(each))].join("\n");
}

test("the user's days left traces, and had every kind of secret", () => {
  const names = new Set(otlp.spans.map(({ name }) => name));
  for (const name of ["POST /api/v1/photos", "POST /api/v1/auth/login", "GET /api/v1/search"])
    expect(names).toContain(name);
  expect([...names].filter((name) => /^consume ocelli\.captioning/.test(name))).not.toEqual([]);
  expect(otlp.spans.length).toBeGreaterThan(500);
  expect(debugTraces.length).toBeGreaterThan(100_000);
  expect(ocelli.output().split("\n").length).toBeGreaterThan(50);
  for (const kind of [
    "verifyToken",
    "resetToken",
    "apiKey",
    "webhookSecret",
    "linkSecret",
    "twoFactorSecret",
  ])
    expect(Object.keys(secrets)).toContain(kind);
  expect(Object.keys(secrets).filter((name) => name.startsWith("caption of "))).not.toEqual([]);
  expect(Object.keys(secrets).filter((name) => name.startsWith("text in "))).not.toEqual([]);
  expect(refusals.length).toBeGreaterThan(15);
});

test("no span that is exported tells any of it", () => {
  expect(findLeaks(JSON.stringify(otlp.spans), secrets)).toEqual([]);
  // Also what the receiver does not decode: resources, status messages, trace states.
  const everything = otlp.bodies.map((body) => body.toString("utf8")).join("\n");
  expect(findLeaks(everything, secrets).filter(({ what }) => what in secrets)).toEqual([]);
});

test("nor does any waterfall", () => {
  expect(findLeaks(debugTraces, secrets)).toEqual([]);
});

test("nor any metric", () => {
  expect(metrics).toContain("ocelli_http_seconds_count");
  expect(findLeaks(metrics, secrets)).toEqual([]);
});

test("nor any line of the log, at its most talkative", () => {
  expect(findLeaks(ocelli.output(), secrets)).toEqual([]);
});

test("nor any refusal, beyond what the request itself had said", () => {
  const told = refusals.flatMap(({ body, sent }) => {
    const own = new Set(findLeaks(sent, secrets).map(({ what }) => what));
    return findLeaks(body, secrets).filter(({ what }) => !own.has(what));
  });
  expect(told).toEqual([]);
  // Passwords and tokens are not even repeated to who sent them.
  const bodies = refusals.map(({ body }) => body).join("\n");
  const { madeUpToken, madeUpKey, wrongPassword } = planted;
  expect(findLeaks(bodies, { madeUpToken, madeUpKey, wrongPassword })).toEqual([]);
});
