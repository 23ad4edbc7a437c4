import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { stages as stageTree } from "@ocelli/contracts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { z } from "zod";
import { Client } from "./harness/client.ts";
import { dataDirectory, type OcelliProcess, removeFolders, startOcelli } from "./harness/ocelli-process.ts";
import { differentPictures } from "./harness/photos.ts";

const messageSchema = z.object({
  id: z.int(),
  type: z.string(),
  at: z.iso.datetime(),
  subjectId: z.string(),
  data: z.unknown(),
});
type Message = z.infer<typeof messageSchema>;

let ocelli: OcelliProcess;
let second: OcelliProcess;
let client: Client;
let pictures: Awaited<ReturnType<typeof differentPictures>>;

beforeAll(async () => {
  const secret = randomBytes(32).toString("hex");
  ocelli = await startOcelli(["up"], {
    OCELLI_DATA: dataDirectory(),
    WEBHOOKS_ALLOW_HTTP: "true",
    WEBHOOKS_ALLOW_PRIVATE: "true",
    GATEWAY_SERVICE_SECRET: secret,
  });
  client = await Client.signedUp(ocelli.address, "live@example.org");
  pictures = await differentPictures(4);
  // Another gateway before the same services, which hears none of their events: it has to look by itself.
  second = await startOcelli(["serve", "gateway"], {
    ...addresses(),
    GATEWAY_SERVICE_SECRET: secret,
    OCELLI_EVENTS: "in-process",
  });
}, 120_000);

afterAll(async () => {
  await second?.end("SIGTERM");
  await ocelli?.end("SIGTERM");
  removeFolders();
});

/** Where `ocelli up` says that its services are. */
function addresses(): NodeJS.ProcessEnv {
  const line = /gRPC: (.*)\n/.exec(ocelli.output())?.[1] ?? "";
  const found = [...line.matchAll(/(\w+) (\S+:\d+)/g)].map(([, name = "", address]) => [
    `${name.toUpperCase()}_ADDR`,
    address?.replace(/[.,]$/, ""),
  ]);
  return Object.fromEntries(found);
}

/** Reads server-sent events of `/events` until a condition holds of all that came. */
async function events(base: string, after: number | undefined, until: (seen: Message[]) => boolean) {
  const query = after === undefined ? "" : `?after=${after}`;
  const leaving = new AbortController();
  const headers = { authorization: `Bearer ${client.token}` };
  const response = await fetch(`${base}/api/v1/events${query}`, { headers, signal: leaving.signal });
  const seen: Message[] = [];
  let text = "";
  const opened = Promise.withResolvers<void>();
  const done = (async () => {
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const data = /^data: (.*)$/m.exec(text.slice(0, end))?.[1];
        text = text.slice(end + 2);
        if (data) seen.push(messageSchema.parse(JSON.parse(data)));
      }
      opened.resolve();
      if (until(seen)) break;
    }
    leaving.abort();
    return seen;
  })();
  await opened.promise;
  return { done };
}

async function socket(base: string, after: number | undefined, until: (seen: Message[]) => boolean) {
  const url = `${base.replace("http", "ws")}/api/v1/ws${after === undefined ? "" : `?after=${after}`}`;
  const webSocket = new WebSocket(url, ["ocelli.v1", `bearer.${client.token}`]);
  const seen: Message[] = [];
  const opened = Promise.withResolvers<void>();
  const done = new Promise<Message[]>((resolve, reject) => {
    webSocket.on("error", reject);
    webSocket.on("message", (data) => {
      seen.push(messageSchema.parse(JSON.parse(data.toString())));
      opened.resolve();
      if (!until(seen)) return;
      webSocket.close();
      resolve(seen);
    });
  });
  await Promise.race([opened.promise, done]);
  return { done };
}

const stagesOf = (seen: Message[], id: string) =>
  seen.filter(({ type, subjectId }) => type === "photo.stage" && subjectId === id).length;

describe("live results", () => {
  test("are the same in the same order for every kind of reader at every gateway, and resume with what was missed", async () => {
    const finished = (seen: Message[]) => {
      const ids = new Set(
        seen.filter(({ type }) => type === "photo.ready").map(({ subjectId }) => subjectId),
      );
      return ids.size === 3 && [...ids].every((id) => stagesOf(seen, id) === stageTree.length);
    };
    const readers = await Promise.all([
      events(ocelli.address, undefined, finished),
      socket(ocelli.address, undefined, finished),
      events(second.address, undefined, finished),
      socket(second.address, undefined, finished),
    ]);
    const ids = await Promise.all(pictures.slice(0, 3).map((bytes, n) => client.upload(bytes, `${n}.jpg`)));
    const [first = [], ...others] = await Promise.all(readers.map(({ done }) => done));
    expect(first.map(({ id }) => id)).toEqual(first.map((_, index) => index));
    expect(first[0]).toMatchObject({ id: 0, type: "hello" });
    expect(new Set(first.slice(1).map(({ subjectId }) => subjectId))).toEqual(new Set(ids));
    for (const other of others) expect(other.slice(1)).toEqual(first.slice(1));
    for (const { type, data } of first) {
      if (type === "photo.stage") expect(data).toMatchObject({ status: "SUCCEEDED", error: "" });
    }

    const last = first.at(-1)?.id ?? 0;
    const half = Math.floor(last / 2);
    const complete = (seen: Message[]) => seen.at(-1)?.id === last;
    for (const open of [events, socket]) {
      const resumed = await (await open(second.address, half, complete)).done;
      expect(resumed.slice(1)).toEqual(first.slice(half + 1));
    }
  }, 120_000);

  test("go on at a gateway that was restarted", async () => {
    const before = await (await events(second.address, 0, (seen) => seen.length > 5)).done;
    expect(await second.end("SIGTERM")).toBe(0);
    const at = before[5]?.id ?? 0;
    const rest = await (await events(ocelli.address, at, (seen) => seen.length > 3)).done;
    expect(rest.slice(1, 4).map(({ id }) => id)).toEqual([at + 1, at + 2, at + 3]);
  });

  test("end with the session, for both kinds of readers", async () => {
    const other = await new Client(ocelli.address).logIn({ email: "live@example.org" });
    const mine = client.token;
    client.token = other.token;
    const readers = await Promise.all([
      events(ocelli.address, undefined, () => false),
      socket(ocelli.address, undefined, (seen) => seen.at(-1)?.type === "revoked"),
    ]);
    client.token = mine;
    const started = performance.now();
    await client.send("DELETE", "/auth/sessions");
    const ends = await Promise.all(readers.map(({ done }) => done));
    expect(performance.now() - started).toBeLessThan(5_000);
    for (const seen of ends) expect(seen.at(-1)?.type).toBe("revoked");
  });
});

test("a webhook is told of what happens, signed", async () => {
  const bodies: Array<{ type: string; subjectId: string }> = [];
  const receiver = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    bodies.push(JSON.parse(text));
    response.end();
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const { port } = receiver.address() as AddressInfo;
  const made = await client.post("/webhooks", { url: `http://127.0.0.1:${port}/`, types: ["photo.ready"] });
  expect(made.status).toBe(201);
  const { id, secret } = z.object({ id: z.uuid(), secret: z.string() }).parse(await made.json());
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  const tested = await client.post(`/webhooks/${id}/test`, undefined);
  expect(await tested.json()).toEqual({ delivered: true, httpStatus: 200, error: null });
  const photoId = await client.upload(pictures[3] ?? new Uint8Array(), "3.jpg");
  await expect
    .poll(() => bodies.map(({ type }) => type), { timeout: 10_000 })
    .toEqual(["webhook.test", "photo.ready"]);
  expect(bodies[1]?.subjectId).toBe(photoId);
  receiver.close();
});
