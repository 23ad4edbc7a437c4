import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fetchFromProvider, isLoopback, ProviderUnreachable } from "./oidc-fetch.ts";

const answers: Record<string, RequestListener> = {
  "/small": (_request, response) => response.end('{"a":1}'),
  "/endless": (_request, response) => {
    const write = () => {
      while (response.write("x".repeat(65_536)));
    };
    response.on("drain", write);
    write();
  },
  "/redirect": (_request, response) => response.writeHead(302, { location: "http://192.0.2.1/" }).end(),
  "/broken": (_request, response) => response.writeHead(503).end("down"),
  "/busy": (_request, response) => response.writeHead(429).end(),
  "/silent": () => undefined,
  "/torn": (_request, response) => {
    response.writeHead(200, { "content-length": "100" });
    response.write("half");
    setImmediate(() => response.destroy());
  },
};
let server: Server;
let origin: string;

beforeAll(async () => {
  server = createServer((request, response) => answers[request.url ?? ""]?.(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  origin = `http://127.0.0.1:${address.port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const get = (address: string, signal = AbortSignal.timeout(5_000)) =>
  fetchFromProvider(address, { method: "GET", headers: {}, body: undefined, redirect: "manual", signal });

test("gives the answer of a working server, and redirects as they are", async () => {
  expect(await (await get(`${origin}/small`)).json()).toEqual({ a: 1 });
  expect((await get(`${origin}/redirect`)).status).toBe(302);
});

describe("counts as unreachable", () => {
  test.each(["/endless", "/broken", "/busy", "/torn"])("a server that answers like %s", async (path) => {
    await expect(get(origin + path)).rejects.toBeInstanceOf(ProviderUnreachable);
  });

  test("one that does not answer in time", async () => {
    await expect(get(`${origin}/silent`, AbortSignal.timeout(50))).rejects.toBeInstanceOf(
      ProviderUnreachable,
    );
  });

  test.each([
    "http://192.0.2.1/",
    "http://localhost.evil.example/",
    "http://127.0.0.1.evil.example/",
    "ftp://127.0.0.1/",
    "file:///etc/passwd",
    "data:application/json,{}",
    "not an address",
  ])("whatever is at %s, unasked", async (address) => {
    await expect(get(address)).rejects.toBeInstanceOf(ProviderUnreachable);
  });
});

test("tells this machine from others", () => {
  const loopback = [
    "http://127.0.0.1",
    "http://127.9.8.7:1",
    "http://localhost",
    "http://[::1]:80",
    "http://2130706433",
  ];
  for (const each of loopback) expect(isLoopback(new URL(each))).toBe(true);
  const other = [
    "http://128.0.0.1",
    "http://0.0.0.0",
    "http://[::2]",
    "http://localhost.a",
    "http://127.0.0.1.a",
  ];
  for (const each of other) expect(isLoopback(new URL(each))).toBe(false);
});
