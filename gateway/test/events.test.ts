import { get } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { events } from "@ocelli/contracts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { appendEntries } from "./feed-upstreams.ts";
import { problemOf } from "./json.ts";
import { connect, type Reader, readEvents } from "./live-client.ts";
import { startTestGateway, type TestGateway } from "./running-gateway.ts";
import { defaultSessionId, defaultUserId } from "./tokens.ts";

let test: TestGateway;
beforeEach(async () => {
  test = await startTestGateway({
    MAX_WATCHERS: "4",
    MAX_WATCHERS_PER_USER: "3",
    CORS_ORIGINS: "https://a.example",
  });
});
afterEach(() => test.stop());

const bearer = async (claims = {}) => ({ authorization: `Bearer ${await test.signer.sign(claims)}` });
const feed = () => test.upstreams.world.feed;

/** Entries appear and the library says so. */
async function happen(count: number, ownerId = defaultUserId): Promise<void> {
  const newestId = appendEntries(feed(), ownerId, count);
  const { subject, message } = events.feedAppended;
  const payload = message.encode(message.fromPartial({ ownerId, newestId })).finish();
  await test.bus.publish({ id: crypto.randomUUID(), subject, payload });
}

async function openEvents(
  path = "/events",
  init: RequestInit = {},
): Promise<Reader & { comments: string[] }> {
  const response = await test.call(path, init);
  expect(response.status).toBe(200);
  return readEvents(response);
}

const openSocket = async (path = "/ws", claims = {}) =>
  connect(test.url, path, { headers: await bearer(claims) });

const kinds = {
  "server-sent events": (after?: number) =>
    openEvents(after === undefined ? "/events" : `/events?after=${after}`),
  WebSocket: (after?: number) => openSocket(after === undefined ? "/ws" : `/ws?after=${after}`),
};

describe.each(Object.entries(kinds))("%s", (_, open) => {
  it("begins now, tells what happens at once and in order", async () => {
    appendEntries(feed(), defaultUserId, 5);
    const reader = await open();
    expect(await reader.next()).toMatchObject({ id: 5, type: "hello", subjectId: "", data: {} });
    const before = performance.now();
    await happen(3);
    const seen = await reader.take(3);
    expect(performance.now() - before).toBeLessThan(1500);
    expect(seen.map(({ id }) => id)).toEqual([6, 7, 8]);
    expect(seen[0]).toMatchObject({ type: "photo.stage", subjectId: "photo-6", data: { stage: "ocr" } });
    expect(new Date(seen[0]?.at ?? "").getTime()).toBeGreaterThan(0);
    reader.close();
  });

  it("resumes after an id with exactly what was missed, over many pages", async () => {
    appendEntries(feed(), defaultUserId, 350);
    const reader = await open(20);
    expect((await reader.next())?.id).toBe(20);
    const seen = await reader.take(330);
    expect(seen.map(({ id }) => id)).toEqual(Array.from({ length: 330 }, (__, index) => 21 + index));
    reader.close();
  });

  it("finds entries whose hint was lost, and goes on when the library was away", async () => {
    const reader = await open();
    await reader.next();
    feed().feedDown = true;
    await happen(1);
    await delay(200);
    feed().feedDown = false;
    expect((await reader.next())?.id).toBe(1);
    reader.close();
  }, 15_000);

  it("says that entries are missing, and where to go on", async () => {
    appendEntries(feed(), defaultUserId, 50);
    feed().purgedId = 30;
    const reader = await open(10);
    const [hello, reset] = await reader.take(2);
    expect([hello?.type, reset?.type, reset?.id]).toEqual(["hello", "reset", 50]);
    await happen(1);
    expect((await reader.next())?.id).toBe(51);
    reader.close();
  });

  it("shows nobody else's entries", async () => {
    const reader = await open();
    await reader.next();
    await happen(2, "018f0000-0000-7000-8000-000000000002");
    await happen(1);
    expect(await reader.next()).toMatchObject({ id: 1, subjectId: "photo-1" });
    reader.close();
  });

  it("ends within a second or two when the session is ended", async () => {
    const reader = await open();
    await reader.next();
    const { subject, message } = events.sessionRevoked;
    const payload = message.encode({ sessionId: defaultSessionId, userId: defaultUserId }).finish();
    await test.bus.publish({ id: crypto.randomUUID(), subject, payload });
    const before = performance.now();
    expect((await reader.next())?.type).toBe("revoked");
    expect(await reader.next()).toBeUndefined();
    expect(performance.now() - before).toBeLessThan(2000);
  });

  it("ends when the process stops, and another replica goes on where it was", async () => {
    appendEntries(feed(), defaultUserId, 10);
    const reader = await open(0);
    expect((await reader.take(6)).map(({ id }) => id)).toEqual([0, 1, 2, 3, 4, 5]);
    const stopped = test.gateway.stop();
    const rest = await reader.take(100);
    await stopped;
    expect([...rest.map(({ id }) => id)]).toEqual([6, 7, 8, 9, 10].slice(0, rest.length));
  });

  it("gives the place of a reader that leaves to another", async () => {
    const readers = await Promise.all([open(), open(), open()]);
    expect(await problemOf(await test.call("/events"))).toEqual([429, "TOO_MANY_WATCHERS"]);
    await expect(openSocket()).rejects.toThrow("429");
    for (const reader of readers) reader.close();
    await expect.poll(async () => (await open().catch(() => undefined)) !== undefined).toBe(true);
  });
});

describe("GET /events", () => {
  it("prefers Last-Event-ID, as a browser that connects again sends it", async () => {
    appendEntries(feed(), defaultUserId, 9);
    const reader = await openEvents("/events?after=2", { headers: { "last-event-id": "7" } });
    expect((await reader.take(3)).map(({ id }) => id)).toEqual([7, 8, 9]);
    reader.close();
    for (const bad of ["-1", "x", "9".repeat(20)]) {
      expect((await test.call("/events", { headers: { "last-event-id": bad } })).status).toBe(400);
    }
  });

  it("is not cached or buffered, and says when to connect again", async () => {
    const response = await test.call("/events");
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("x-accel-buffering")).toBe("no");
    const { value } = (await response.body?.getReader().read()) ?? {};
    expect(new TextDecoder().decode(value)).toMatch(/^retry: 3000\nid: 0\nevent: hello\ndata: \{/);
  });

  it("ends with the token, and says so", async () => {
    const reader = await openEvents("/events", { headers: await bearer({ expiresIn: "2s" }) });
    expect((await reader.next())?.type).toBe("hello");
    expect((await reader.next())?.type).toBe("expired");
    expect(await reader.next()).toBeUndefined();
  });

  it("keeps no more than a page for a reader that takes nothing", async () => {
    appendEntries(feed(), defaultUserId, 20_000, "x".repeat(3000));
    const headers = await bearer();
    const paused = await new Promise<NodeJS.ReadableStream & { destroy(): void }>((resolve) =>
      get(`${test.url}/api/v1/events?after=0`, { headers }, (response) => resolve(response.pause())),
    );
    await delay(1500);
    const reads = feed().feedReads;
    // 60 MB are there to be read; sockets take a few.
    expect(reads).toBeLessThan(60);
    await delay(500);
    expect(feed().feedReads).toBeLessThanOrEqual(reads + 1);
    paused.destroy();
  });

  it("needs a token with the scope", async () => {
    const none = await fetch(`${test.url}/api/v1/events`);
    expect(none.status).toBe(401);
    const scope = await bearer({ scope: "search" });
    expect(await problemOf(await test.call("/events", { headers: scope }))).toEqual([403, "SCOPE_REQUIRED"]);
  });
});
