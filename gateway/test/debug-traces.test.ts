import { request } from "node:http";
import { startTracing, type Tracing } from "@ocelli/chassis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { createRequestRecorder } from "../src/main.ts";
import { problemOf } from "./json.ts";
import { startTestGateway, type TestGateway } from "./running-gateway.ts";

const recorder = createRequestRecorder();
let tracing: Tracing;
let here: TestGateway;
let published: TestGateway;
let off: TestGateway;
beforeAll(async () => {
  tracing = await startTracing({ serviceName: "test", serviceVersion: "0", processors: [recorder] });
  here = await startTestGateway({}, undefined, { recorder });
  published = await startTestGateway({ PUBLIC_URL: "https://photos.example.org" }, undefined, { recorder });
  off = await startTestGateway();
});
afterAll(async () => {
  for (const gateway of [here, published, off]) await gateway?.stop();
  await tracing?.stop();
});

const listSchema = z.object({
  items: z.array(z.object({ traceId: z.string(), request: z.object({ route: z.string() }) })),
});
const traceSchema = z.object({
  traceId: z.string(),
  spans: z.array(z.object({ name: z.string(), depth: z.number() })),
});

async function list(query = "") {
  const response = await fetch(`${here.url}/debug/traces.json${query}`);
  return listSchema.parse(await response.json()).items;
}

/** The status of a request whose headers are exactly these; `fetch` chooses some itself. */
function statusOf(url: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.once("error", reject).end();
  });
}

const paths = ["", ".json", `/${"a".repeat(32)}`, `/${"a".repeat(32)}.json`, "/traces.js", "/debug.css"];

describe("what was asked for", () => {
  it("stands in the list and opens span by span", async () => {
    const answer = await here.call("/photos");
    const traceId = answer.headers.get("x-trace-id");
    await answer.text();
    await expect.poll(async () => (await list()).map((each) => each.traceId)).toContain(traceId);
    const trace = traceSchema.parse(await (await fetch(`${here.url}/debug/traces/${traceId}.json`)).json());
    expect(trace.spans[0]).toMatchObject({ name: "GET /api/v1/photos", depth: 0 });
    expect(trace.spans.map(({ name }) => name)).toContain("ocelli.library.v1.LibraryService/ListPhotos");
    expect((await list("?route=photos")).length).toBeGreaterThan(0);
    expect(await list("?route=nothing-like-it")).toEqual([]);
    expect(await list("?status=5xx")).toEqual([]);
  });

  it("does not count looking at it, nor probes", async () => {
    for (const path of ["/debug/traces", "/debug/traces.json", "/health", "/ready", "/metrics"])
      await (await fetch(here.url + path)).text();
    const routes = (await list()).map((each) => each.request.route);
    expect(routes.filter((route) => !route.startsWith("/api/"))).toEqual([]);
  });

  it("is refused when asked wrongly, and not found when it is not there", async () => {
    expect(await problemOf(await fetch(`${here.url}/debug/traces.json?status=no`))).toEqual([
      400,
      "INVALID_ARGUMENT",
    ]);
    const unknown = await fetch(`${here.url}/debug/traces/${"f".repeat(32)}.json`);
    expect(await problemOf(unknown)).toEqual([404, "TRACE_NOT_FOUND"]);
  });
});

describe("the pages", () => {
  it.each([
    ["", "text/html"],
    [`/${"a".repeat(32)}`, "text/html"],
    ["/traces.js", "text/javascript"],
    ["/trace.js", "text/javascript"],
    ["/details.js", "text/javascript"],
    ["/format.js", "text/javascript"],
    ["/debug.css", "text/css"],
    ["/waterfall.css", "text/css"],
  ])("%s needs nothing from elsewhere and runs nothing of others", async (path, mediaType) => {
    const response = await fetch(`${here.url}/debug/traces${path}`);
    expect([response.status, response.headers.get("content-type")]).toEqual([
      200,
      `${mediaType}; charset=utf-8`,
    ]);
    expect(response.headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; .*trusted-types 'none'$/,
    );
    expect(response.headers.get("cross-origin-resource-policy")).toBe("same-origin");
    expect(response.headers.get("cache-control")).toBe("no-store");
    const text = await response.text();
    expect(text).not.toMatch(/https?:\/\/|innerHTML|insertAdjacent|eval\(|<script>|style="/);
  });

  it("name only files that are there", async () => {
    for (const path of ["/debug/traces", `/debug/traces/${"a".repeat(32)}`]) {
      const text = await (await fetch(here.url + path)).text();
      const named = [...text.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, name = ""]) => name);
      expect(named.length).toBeGreaterThan(1);
      for (const name of named) expect((await fetch(new URL(name, here.url + path))).status, name).toBe(200);
    }
  });
});

describe("who may look", () => {
  it.each(paths)("nobody where traces are not kept: %s", async (path) => {
    expect(await problemOf(await off.call(`//debug/traces${path}`))).toEqual([404, "ROUTE_NOT_FOUND"]);
  });

  it.each([
    ["this machine by name", { host: "localhost:8080" }, 200],
    ["this machine by address", { host: "127.0.0.1" }, 200],
    ["this machine over IPv6", { host: "[::1]:8080" }, 200],
    ["a page whose name points here", { host: "evil.example.org" }, 401],
    ["a name that only begins like this machine's", { host: "localhost.evil.example.org" }, 401],
    ["a number that only begins like this machine's", { host: "127.0.0.1.evil.example.org" }, 401],
    ["somebody behind a proxy", { "x-forwarded-for": "127.0.0.1" }, 401],
    ["somebody behind another kind of proxy", { forwarded: "for=127.0.0.1" }, 401],
    ["somebody behind a silent proxy", { via: "1.1 proxy" }, 401],
    ["a page of another site", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }, 403],
    ["another port's page", { "sec-fetch-site": "same-site", "sec-fetch-mode": "cors" }, 403],
  ])("%s", async (_who, headers, status) => {
    expect(await statusOf(`${here.url}/debug/traces.json`, headers)).toBe(status);
  });

  it("a link from elsewhere opens the page", async () => {
    const headers = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" };
    expect(await statusOf(`${here.url}/debug/traces`, headers)).toBe(200);
  });

  it("where the gateway is public, only administrators", async () => {
    const address = `${published.url}/debug/traces.json`;
    expect(await statusOf(address, { host: "localhost" })).toBe(401);
    const bearer = async (scope: string) => ({
      authorization: `Bearer ${await published.signer.sign({ scope })}`,
    });
    expect(await statusOf(address, await bearer("photos:read"))).toBe(403);
    expect(await statusOf(address, await bearer("admin"))).toBe(200);
  });
});
