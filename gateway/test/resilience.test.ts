import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { loadClassOf } from "../src/admit.ts";
import { bodyOf, problemOf } from "./json.ts";
import { readEvents } from "./live-client.ts";
import { fileForm, startTestGateway, type TestGateway } from "./running-gateway.ts";
import { defaultUserId } from "./tokens.ts";
import { addPhoto, setStage } from "./upstreams.ts";

let test: TestGateway;
afterEach(() => test.stop());

describe("a photo while a service is away", () => {
  it("is shown without its results, which are marked, whatever their status", async () => {
    test = await startTestGateway({ FACE_ADDR: "127.0.0.1:1" });
    const { world } = test.upstreams;
    const photo = addPhoto(world, { ownerId: defaultUserId });
    setStage(photo, "faces", "STAGE_STATUS_SUCCEEDED");
    setStage(photo, "caption", "STAGE_STATUS_SUCCEEDED");
    world.captions.set(photo.id, { text: "a cat", source: "RESULT_SOURCE_PLAIN", score: 0.4 });
    const answer = await test.call(`/photos/${photo.id}`);
    expect(answer.status).toBe(200);
    const body = await bodyOf(answer);
    expect(body).toMatchObject({
      caption: { text: "a cat" },
      faces: null,
      unavailable: ["face"],
      stages: {
        faces: { status: "SUCCEEDED", available: false },
        people: { available: false },
        caption: { status: "SUCCEEDED", available: true },
        scene: { status: "PENDING", available: true },
      },
    });
    // What does not need the service does not notice: lists, search.
    expect((await test.call("/photos")).status).toBe(200);
    expect((await test.call("/search?q=cat")).status).toBe(200);
  });

  it("waits for one that hangs for a moment only, then not at all, and ends the calls", async () => {
    test = await startTestGateway({
      PARTIAL_RESULT_TIMEOUT: "1500ms",
      BREAKER_FAILURES: "2",
      BREAKER_OPEN: "60s",
    });
    const { world } = test.upstreams;
    const photo = addPhoto(world, { ownerId: defaultUserId });
    world.hung.add("scene");
    const timed = async () => {
      const startedAt = performance.now();
      const { unavailable } = await bodyOf(await test.call(`/photos/${photo.id}`));
      expect(unavailable).toEqual(["scene"]);
      return performance.now() - startedAt;
    };
    const patient = await Promise.all([timed(), timed()]);
    expect(Math.min(...patient)).toBeGreaterThan(1_400);
    expect(Math.max(...patient)).toBeLessThan(4_000);
    await expect.poll(() => world.givenUp).toBe(2);
    expect(await timed()).toBeLessThan(1_000);
    expect(world.givenUp).toBe(2);
    expect(await problemOf(await test.call(`/photos/${photo.id}/scene`))).toEqual([503, "CIRCUIT_OPEN"]);
    const ready = await test.call("//ready");
    expect([ready.status, (await bodyOf(ready)).checks.scene]).toEqual([200, "degraded"]);
    expect(await (await test.call("//metrics")).text()).toMatch(
      /ocelli_rpc_client_breaker_state\{service="ocelli.scene.v1.SceneService"\} 2/,
    );
  });
});

describe("a service that everything of a route needs", () => {
  it("is missed at once when it is known to be away, with the time to come back", async () => {
    test = await startTestGateway({ SEARCH_ADDR: "127.0.0.1:1", BREAKER_OPEN: "30s" });
    // A search is asked three times, then three more would be too many.
    for (let ask = 0; ask < 2; ask += 1) expect((await test.call("/search?q=a")).status).toBe(503);
    const startedAt = performance.now();
    const refused = await test.call("/search?q=a");
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(20);
    expect(await problemOf(refused)).toEqual([503, "CIRCUIT_OPEN"]);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect((await test.call("/people")).status).toBe(200);
  });
});

describe("a request", () => {
  it("has one time for all that it takes", async () => {
    test = await startTestGateway({ REQUEST_TIMEOUT: "400ms" });
    const photo = addPhoto(test.upstreams.world, { ownerId: defaultUserId });
    test.upstreams.world.hung.add("scene");
    const startedAt = performance.now();
    expect(await problemOf(await test.call(`/photos/${photo.id}/scene`))).toEqual([504, "DEADLINE_EXCEEDED"]);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });

  it("whose client leaves ends the calls made for it", async () => {
    test = await startTestGateway();
    const { world } = test.upstreams;
    const photo = addPhoto(world, { ownerId: defaultUserId });
    world.hung.add("scene");
    const leaving = new AbortController();
    const answer = test.call(`/photos/${photo.id}/scene`, { signal: leaving.signal }).catch(() => "left");
    await sleep(150);
    leaving.abort();
    expect(await answer).toBe("left");
    await expect.poll(() => world.givenUp).toBe(1);
  });

  it("of which there are too many is refused by its importance, before its body is read", async () => {
    test = await startTestGateway({ MAX_ACTIVE_REQUESTS: "2" });
    const { world } = test.upstreams;
    const entered = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    world.onUpload = () => {
      entered.resolve();
      return go.promise;
    };
    const send = (path: string) => test.call(path, { method: "POST", body: fileForm("some bytes") });
    const first = send("/photos");
    await entered.promise;
    // One of two places is taken: what may fill 40 % of them is refused, what may fill 60 % is not.
    const { received } = world;
    const refused = await send("/detect/batch");
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await problemOf(refused)).toEqual([429, "OVERLOADED"]);
    const second = send("/classify");
    await sleep(100);
    expect(await problemOf(await send("/detect/image"))).toEqual([429, "OVERLOADED"]);
    expect(world.received).toBe(received);
    expect((await test.call("//health")).status).toBe(200);
    go.resolve();
    expect((await first).status).toBe(201);
    await (await second).body?.cancel();
    expect((await test.call("/photos")).status).toBe(200);
    expect(await (await test.call("//metrics")).text()).toMatch(
      /ocelli_refused_total\{reason="OVERLOADED"\} 2/,
    );
  });

  it.each([
    ["POST /api/v1/auth/refresh", "auth", "critical"],
    ["GET /api/v1/photos/:id", "read", "critical"],
    ["GET /api/v1/search", "search", "interactive"],
    ["POST /api/v1/photos", "upload", "upload"],
    ["POST /api/v1/classify", "analyze", "heavy"],
    ["GET /api/v1/export", "read", "heavy"],
    ["POST /api/v1/detect/batch", "analyze", "background"],
  ] as const)("to %s, counted as %s, is %s", (route, name, load) => {
    expect(loadClassOf(route, name)).toBe(load);
  });
});

describe("stopping", () => {
  it("first says so, then finishes what is in hand, and cuts the rest at the end of the grace", async () => {
    test = await startTestGateway({ SHUTDOWN_DELAY: "400ms", SHUTDOWN_GRACE: "1s" });
    const { world } = test.upstreams;
    const photo = addPhoto(world, { ownerId: defaultUserId });
    const events = readEvents(await test.call("/events"));
    expect((await events.next())?.type).toBe("hello");
    const go = Promise.withResolvers<void>();
    world.onUpload = () => go.promise;
    const upload = test.call("/photos", { method: "POST", body: fileForm("in flight") });
    world.hung.add("scene");
    const endless = test.call(`/photos/${photo.id}/scene`).then(
      () => "answered",
      () => "cut",
    );
    await sleep(100);
    const startedAt = performance.now();
    const stopped = test.gateway.stop();
    const ready = await test.call("//ready");
    expect([ready.status, await bodyOf(ready)]).toMatchObject([503, { ready: false, draining: true }]);
    expect((await test.call("//health")).status).toBe(200);
    // Balancers have not noticed yet: what they send is answered.
    expect((await test.call("/photos")).status).toBe(200);
    setTimeout(go.resolve, 600);
    expect((await upload).status).toBe(201);
    expect(await events.next()).toBeUndefined();
    await stopped;
    expect(await endless).toBe("cut");
    expect(performance.now() - startedAt).toBeLessThan(2_500);
    const { hostname, port } = new URL(test.url);
    const again = new Promise((resolve) => request({ hostname, port }).on("error", resolve).end());
    expect(await again).toMatchObject({ code: "ECONNREFUSED" });
    // Stopped already: what is behind it is left to stop.
    const { upstreams, bus } = test;
    test = {
      ...test,
      async stop() {
        await upstreams.stop();
        await bus.close();
      },
    };
  });
});
