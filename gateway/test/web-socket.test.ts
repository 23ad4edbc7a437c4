import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { closeCodes, serveWebSocket } from "../src/live/web-socket.ts";
import { appendEntries } from "./feed-upstreams.ts";
import { type ConnectOptions, connect } from "./live-client.ts";
import { startTestGateway, type TestGateway } from "./running-gateway.ts";
import { defaultUserId } from "./tokens.ts";

let test: TestGateway;
const logs: string[] = [];
beforeEach(async () => {
  logs.length = 0;
  test = await startTestGateway({ CORS_ORIGINS: "https://listed.example" }, (line) => logs.push(line));
});
afterEach(() => test.stop());

const feed = () => test.upstreams.world.feed;
const open = (options: ConnectOptions, path = "/ws") => connect(test.url, path, options);
const bearer = async (claims = {}) => ({ authorization: `Bearer ${await test.signer.sign(claims)}` });
const own = () => test.url;

/** `open`, or the status of the refusal. */
async function outcome(options: ConnectOptions, path = "/ws"): Promise<string> {
  try {
    (await open(options, path)).close();
    return "open";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

describe("who may open a WebSocket", () => {
  it("is told by a header, a protocol or the cookie of one's own page", async () => {
    const token = await test.signer.sign();
    const protocols = ["ocelli.v1", `bearer.${token}`];
    const cookie = `__Host-ocelli-access=${token}`;
    expect(await outcome({ headers: { authorization: `Bearer ${token}` } })).toBe("open");
    expect(await outcome({ protocols })).toBe("open");
    expect(await outcome({ protocols: protocols.reverse() })).toBe("open");
    for (const origin of [own(), "https://listed.example"]) {
      expect(await outcome({ headers: { cookie, origin } })).toBe("open");
      expect(await outcome({ protocols, headers: { origin } })).toBe("open");
      // A browser sends its cookies along whether it is asked to or not.
      expect(await outcome({ protocols, headers: { cookie: "__Host-ocelli-access=old", origin } })).toBe(
        "open",
      );
    }
  });

  it("is nobody else", async () => {
    const token = await test.signer.sign();
    const protocols = ["ocelli.v1", `bearer.${token}`];
    const cookie = `__Host-ocelli-access=${token}`;
    const cases: Array<[string, ConnectOptions, string?]> = [
      ["401", {}],
      ["401", { protocols: ["ocelli.v1", "bearer.nonsense"] }],
      ["401", { headers: await bearer({ expiresIn: "-1s" }) }],
      ["403", { headers: await bearer({ scope: "search" }) }],
      ["403", { headers: { cookie } }],
      ["403", { headers: { cookie, origin: "https://evil.example" } }],
      ["403", { headers: { cookie, origin: "null" } }],
      ["403", { headers: { cookie, origin: `${own()}.evil.example` } }],
      ["403", { protocols, headers: { origin: "https://evil.example" } }],
      ["400", { protocols, headers: await bearer() }],
      ["400", { protocols: [...protocols, `bearer.${token}x`] }],
      ["400", {}, `/ws?token=${token}`],
      ["400", { headers: await bearer() }, "/ws?after=-1"],
      ["400", { headers: await bearer() }, "/ws?more=1"],
      ["404", { headers: await bearer() }, "/nothing"],
      ["426", { headers: await bearer() }, "/photos"],
    ];
    for (const [status, options, path] of cases)
      expect(await outcome(options, path), JSON.stringify([options, path])).toBe(status);
    expect((await test.call("/ws")).status).toBe(426);
  });

  it("never sees the token in an answer, and nobody in a log", async () => {
    const token = await test.signer.sign();
    const { socket, close } = await open({ protocols: ["ocelli.v1", `bearer.${token}`] });
    expect(socket.protocol).toBe("ocelli.v1");
    close();
    await expect.poll(() => logs.some((line) => line.includes("/api/v1/ws"))).toBe(true);
    expect(logs.join("")).not.toContain(token);
  });

  it("gets a problem like anywhere else", async () => {
    const answer = await raw(
      "GET /api/v1/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    expect(answer).toMatch(/^HTTP\/1\.1 401 Unauthorized\r\n/);
    expect(answer).toMatch(/content-type: application\/problem\+json/);
    expect(answer).toMatch(/"reason":"UNAUTHENTICATED"/);
    expect(answer).toMatch(/x-content-type-options: nosniff/);
  });

  it("keeps no place for a handshake that is none", async () => {
    const { authorization } = await bearer();
    const request = `GET /api/v1/ws HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`;
    for (let index = 0; index < 5; index += 1) {
      expect(await raw(`${request}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n`)).toMatch(
        /^HTTP\/1\.1 400/,
      );
    }
    // Other upgrades are passed over.
    const other = `GET /health HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n`;
    expect(await raw(other)).toMatch(/^HTTP\/1\.1 200/);
  });
});

async function raw(text: string): Promise<string> {
  const { port } = new URL(test.url);
  const socket = connectTcp(Number(port), "127.0.0.1", () => socket.write(text));
  let answer = "";
  for await (const chunk of socket) answer += chunk;
  return answer;
}

describe("an open WebSocket", () => {
  it("answers pings, and goes on from where it is asked to", async () => {
    appendEntries(feed(), defaultUserId, 30);
    const reader = await open({ headers: await bearer() });
    expect(await reader.next()).toMatchObject({ id: 30, type: "hello" });
    reader.send({ type: "ping" });
    expect(await reader.next()).toMatchObject({ type: "pong", subjectId: "", data: {} });
    reader.send({ type: "resume", after: 25 });
    expect((await reader.take(5)).map(({ id }) => id)).toEqual([26, 27, 28, 29, 30]);
    reader.send({ type: "resume", after: 99 });
    expect(await reader.next()).toMatchObject({ type: "reset", id: 30 });
    reader.close();
  });

  it.each([
    ["text that is no JSON", "nonsense", closeCodes.badMessage],
    ["an unknown type", '{"type":"dance"}', closeCodes.badMessage],
    ["an unknown field", '{"type":"ping","x":1}', closeCodes.badMessage],
    ["a position that is none", '{"type":"resume","after":-1}', closeCodes.badMessage],
    ["a position that is text", '{"type":"resume","after":"1"}', closeCodes.badMessage],
    ["null", "null", closeCodes.badMessage],
    ["bytes", Buffer.from('{"type":"ping"}'), closeCodes.badMessage],
    ["a long message", `{"type":"ping"${" ".repeat(4096)}}`, 1009],
  ])("is closed after %s", async (_, message, code) => {
    const reader = await open({ headers: await bearer() });
    reader.socket.send(message);
    expect(await reader.closed).toBe(code);
  });

  it("is closed when the client sends too much", async () => {
    const reader = await open({ headers: await bearer() });
    for (let index = 0; index < 130; index += 1) reader.send({ type: "ping" });
    expect(await reader.closed).toBe(closeCodes.tooMany);
  });

  it("is closed with its token, and when the process stops", async () => {
    const short = await open({ headers: await bearer({ expiresIn: "2s" }) });
    expect(await short.closed).toBe(closeCodes.expired);
    const reader = await open({ headers: await bearer() });
    const stopped = test.gateway.stop();
    expect(await reader.closed).toBe(closeCodes.stopping);
    await stopped;
  });

  it("is cut when the client does not even close", async () => {
    const reader = await open({ headers: await bearer() });
    // Takes nothing any more, not even the closing handshake.
    reader.socket.pause();
    const before = performance.now();
    await test.gateway.stop();
    expect(performance.now() - before).toBeLessThan(5000);
    reader.socket.terminate();
  });

  it("keeps no more than a page for a client that takes nothing", async () => {
    appendEntries(feed(), defaultUserId, 20_000, "x".repeat(3000));
    const reader = await open({ headers: await bearer() }, "/ws?after=0");
    reader.socket.pause();
    await delay(1500);
    const reads = feed().feedReads;
    expect(reads).toBeLessThan(60);
    await delay(500);
    expect(feed().feedReads).toBeLessThanOrEqual(reads + 1);
    reader.socket.terminate();
  });
});

describe("a client that is gone or too slow", () => {
  it("is dropped", async () => {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" ? address?.port : 0;
    const ended: string[] = [];
    const endless = (async function* () {
      try {
        for (let id = 1; ; id += 1) yield { id, type: "x", at: "", subjectId: "", data: "x".repeat(100_000) };
      } finally {
        ended.push("stream");
      }
    })() as never;
    const silent = (async function* () {
      await new Promise(() => undefined);
      yield { id: 1, type: "x", at: "", subjectId: "", data: {} };
    })() as never;
    const streams = [endless, silent];
    server.on("connection", (socket) => {
      socket.once("close", (code) => ended.push(String(code)));
      serveWebSocket(
        socket,
        { messages: streams.shift() ?? silent, seek: () => undefined },
        { stallMs: 300, pingMs: 100 },
      );
    });
    const slow = new WebSocket(`ws://127.0.0.1:${port}`);
    await new Promise((resolve) => slow.once("open", resolve));
    slow.pause();
    await expect.poll(() => ended, { timeout: 8000 }).toEqual(["stream", "1006"]);
    const gone = new WebSocket(`ws://127.0.0.1:${port}`, { autoPong: false });
    await new Promise((resolve) => gone.once("open", resolve));
    await expect.poll(() => ended, { timeout: 2000 }).toEqual(["stream", "1006", "1006"]);
    slow.terminate();
    server.close();
  }, 15_000);
});
