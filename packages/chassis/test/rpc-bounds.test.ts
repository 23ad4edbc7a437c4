import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { authV1, libraryV1 } from "@ocelli/contracts";
import { unimplemented } from "@ocelli/testkit";
import { Metadata, Status } from "nice-grpc-common";
import { afterEach, describe, expect, test } from "vitest";
import {
  AppError,
  createLogger,
  createMetrics,
  createRpcClient,
  createRpcServer,
  createUpstream,
  currentScope,
  detached,
  openDatabase,
  remainingMs,
  unavailable,
} from "../src/index.ts";
import { freePort, type Handlers, startRpc, type TestRpc, verifier } from "./rpc-harness.ts";

const running: Array<{ stop(): Promise<void> }> = [];
afterEach(async () => {
  for (const each of running.splice(0).reverse()) await each.stop();
});

async function start(...options: Parameters<typeof startRpc>): Promise<TestRpc> {
  const rpc = await startRpc(...options);
  running.push({ stop: () => rpc.stop(0) });
  return rpc;
}

const failureOf = (call: Promise<unknown>) =>
  call.then(
    () => {
      throw new Error("the call succeeded");
    },
    (error: unknown) => AppError.from(error),
  );
const login = { email: "a@b.c", password: "x" };
const jwks = (jwksJson: string) => ({ jwksJson });
const at = (error: AppError) => `${Status[error.code]} ${error.reason}`;

describe("the time of a call", () => {
  test("is what is left of its caller's, through every service on the way", async () => {
    const left: number[] = [];
    const note = () => left.push(remainingMs());
    const last = await start({ getJwks: async () => jwks(String(note())) });
    const middle = await start({
      async getJwks() {
        note();
        await sleep(100);
        // Asks for more than it has.
        return last.client.getJwks({}, { deadline: 60_000 });
      },
    });
    await middle.client.getJwks({}, { deadline: 2_000 });
    const [first = 0, second = 0] = left;
    expect(first).toBeGreaterThan(1_000);
    expect(first).toBeLessThanOrEqual(2_000);
    // Timers may be a moment early, and milliseconds are rounded on the way.
    expect(second).toBeLessThanOrEqual(first - 90);
    expect(second).toBeGreaterThan(500);
  });

  test("is one for all attempts and the pauses between them", async () => {
    let attempts = 0;
    const rpc = await start(
      {
        getJwks: () => {
          attempts += 1;
          return Promise.reject(unavailable("RESTARTING", "Soon."));
        },
      },
      { client: { random: () => 0.5 } },
    );
    const startedAt = performance.now();
    const error = await failureOf(
      rpc.client.getJwks({}, { deadline: 500, retryBaseDelayMs: 200, retryMaxAttempts: 100 }),
    );
    // Pauses of 100 and 200 ms fit, one of 400 ms does not: it is not even begun.
    expect([at(error), attempts]).toEqual(["UNAVAILABLE RESTARTING", 3]);
    expect(performance.now() - startedAt).toBeLessThan(500);
  });

  test("a call whose time is up is not made", async () => {
    let calls = 0;
    const rpc = await start({
      getJwks: async () => {
        calls += 1;
        return jwks("");
      },
    });
    expect(at(await failureOf(rpc.client.getJwks({}, { deadline: new Date(Date.now() - 1) })))).toBe(
      "DEADLINE_EXCEEDED DEADLINE_EXCEEDED",
    );
    expect(calls).toBe(0);
  });

  test("cannot be made up by a client", async () => {
    let left = 0;
    const rpc = await start({
      getJwks: async () => {
        left = remainingMs();
        return jwks("");
      },
    });
    const metadata = Metadata({ "x-ocelli-remaining-ms": "1" });
    await rpc.client.getJwks({}, { metadata, deadline: 5_000 });
    expect(left).toBeGreaterThan(1_000);
  });

  test("bounds how long a call waits for a connection to the database", async () => {
    const hole = await freePort();
    const database = openDatabase({
      url: `postgres://a:b@127.0.0.1:${hole}/c`,
      schema: "x",
      maxConnections: 1,
    });
    // Takes connections and says nothing.
    const silent = createServer().listen(hole, "127.0.0.1");
    running.push({
      async stop() {
        silent.close();
        void database.close();
      },
    });
    const rpc = await start({
      getJwks: async () => {
        await database.db.selectNoFrom((eb) => eb.val(1).as("one")).execute();
        return jwks("");
      },
    });
    const startedAt = performance.now();
    await failureOf(rpc.client.getJwks({}, { deadline: 200 }));
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    await expect.poll(() => rpc.metrics.expose().then(({ body }) => body)).toMatch(/DEADLINE_EXCEEDED/);
  });
});

describe("a caller that leaves", () => {
  test("ends the calls made for it, and the pause before the next attempt", async () => {
    let aborted = false;
    const last = await start({
      login: async (_, { signal }) => {
        await sleep(5_000, undefined, { signal }).catch(() => {
          aborted = true;
        });
        return {};
      },
    });
    const entered = Promise.withResolvers<void>();
    const middle = await start({
      login: (request) => {
        entered.resolve();
        return last.client.login(request);
      },
    });
    const leaving = new AbortController();
    const call = failureOf(middle.client.login(login, { signal: leaving.signal }));
    await entered.promise;
    await sleep(50);
    leaving.abort();
    expect((await call).code).toBe(Status.CANCELLED);
    await expect.poll(() => aborted).toBe(true);
  });

  test("does not take with it what others share, nor what was left to do in the background", async () => {
    const last = await start({
      getJwks: async () => {
        await sleep(100);
        return jwks("here");
      },
    });
    const shared: Array<Promise<{ jwksJson: string }>> = [];
    const rpc = await start({
      getJwks: async () => {
        shared.push(detached(() => last.client.getJwks({})));
        shared.push(sleep(50).then(() => last.client.getJwks({})));
        return jwks(String(currentScope() !== undefined));
      },
    });
    expect(await rpc.client.getJwks({}, { deadline: 500 })).toEqual(jwks("true"));
    expect(await Promise.all(shared)).toEqual([jwks("here"), jwks("here")]);
  });
});

describe("attempts", () => {
  const failing = (error: Error) => {
    const seen = { calls: 0 };
    const answer = () => {
      seen.calls += 1;
      return Promise.reject(error);
    };
    const handlers: Handlers = { getJwks: answer, login: answer };
    return { seen, handlers };
  };

  test("are made by the caller next to the failure only, not by every layer above it", async () => {
    const { seen, handlers } = failing(unavailable("RESTARTING", "Soon."));
    const client = { random: () => 0 };
    const last = await start(handlers, { client });
    let middleCalls = 0;
    const middle = await start(
      {
        getJwks: () => {
          middleCalls += 1;
          return last.client.getJwks({});
        },
      },
      { client },
    );
    expect(at(await failureOf(middle.client.getJwks({})))).toBe("UNAVAILABLE RESTARTING");
    expect([middleCalls, seen.calls]).toEqual([1, 4]);
  });

  test("are not made for calls that change something", async () => {
    const { seen, handlers } = failing(unavailable("RESTARTING", "Soon."));
    const rpc = await start(handlers, { client: { random: () => 0 } });
    await failureOf(rpc.client.login(login));
    expect(seen.calls).toBe(1);
    await failureOf(rpc.client.login(login, { retry: true, retryMaxAttempts: 2 }));
    expect(seen.calls).toBe(4);
  });

  test("wait as long as the service asks for", async () => {
    const retryDelay = { seconds: 0, nanos: 3e8 };
    let calls = 0;
    const rpc = await start(
      {
        getJwks: async () => {
          calls += 1;
          if (calls > 1) return jwks("here");
          throw new AppError({
            code: Status.UNAVAILABLE,
            reason: "X",
            message: "X.",
            retryAfterMs: retryDelay.nanos / 1e6,
          });
        },
      },
      { client: { random: () => 0 } },
    );
    const startedAt = performance.now();
    expect(await rpc.client.getJwks({})).toEqual(jwks("here"));
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(299);
  });

  test("stop for all callers when too many calls fail", async () => {
    const { seen, handlers } = failing(unavailable("RESTARTING", "Soon."));
    const metrics = createMetrics();
    const upstream = createUpstream({ name: "auth", metrics });
    const rpc = await start(handlers, { client: { random: () => 0, upstream } });
    for (let call = 0; call < 20; call += 1) await failureOf(rpc.client.getJwks({}));
    // Five failures use the budget up: afterwards each call is made once.
    expect(seen.calls).toBeLessThan(20 + 6);
    const { body } = await metrics.expose();
    expect(body).toMatch(/ocelli_rpc_client_retries_total\{service="ocelli.auth.v1.AuthService"\} [3-5]\b/);
  });
});

describe("a service that is not there", () => {
  test("is not asked any more, and again once it is back", async () => {
    const port = await freePort();
    const metrics = createMetrics();
    const upstream = createUpstream({
      name: "auth",
      metrics,
      limits: { breakerFailures: 3, breakerOpenMs: 200 },
    });
    const { client, close } = createRpcClient(authV1.AuthServiceDefinition, {
      address: `127.0.0.1:${port}`,
      upstream,
    });
    running.push({ stop: async () => close() });
    for (let call = 0; call < 3; call += 1) await failureOf(client.login(login));
    const refused = await failureOf(client.login(login));
    expect([at(refused), (refused.retryAfterMs ?? 0) > 0]).toEqual(["UNAVAILABLE CIRCUIT_OPEN", true]);
    const shown = (await metrics.expose()).body;
    expect(shown).toMatch(/ocelli_rpc_client_breaker_state\{service="ocelli.auth.v1.AuthService"\} 2/);
    expect(shown).toMatch(/ocelli_rpc_client_rejected_total\{[^}]*reason="breaker_open"[^}]*\} 1/);
    await start({ login: async () => ({}), getJwks: async () => jwks("here") }, { port });
    // Whoever has nobody to tell waits for it.
    expect(await client.getJwks({}, { waitForCircuit: true, retryMaxAttempts: 10 })).toEqual(jwks("here"));
    await client.login(login);
    expect(upstream.breaker.state).toBe("closed");
  });

  test("is told from one that is there and says what it lacks", async () => {
    const upstream = createUpstream({ name: "auth", limits: { breakerFailures: 2 } });
    const rpc = await start(
      { login: () => Promise.reject(unavailable("STORAGE_UNAVAILABLE", "Later.")) },
      { client: { upstream } },
    );
    for (let call = 0; call < 10; call += 1) await failureOf(rpc.client.login(login));
    expect(upstream.breaker.state).toBe("closed");
  });

  test("or hangs, is known after a few calls that it had a second for; hurried ones prove nothing", async () => {
    const upstream = createUpstream({ name: "auth", limits: { breakerFailures: 2 } });
    const rpc = await start({ login: () => new Promise(() => undefined) }, { client: { upstream } });
    await Promise.all([1, 2, 3, 4].map(() => failureOf(rpc.client.login(login, { deadline: 50 }))));
    expect(upstream.breaker.state).toBe("closed");
    await Promise.all([1, 2].map(() => failureOf(rpc.client.login(login, { deadline: 1_300 }))));
    expect(upstream.breaker.state).toBe("open");
  });
});

describe("a slow service", () => {
  test("takes no more than its share; the rest is refused, and health checks get through", async () => {
    const upstream = createUpstream({
      name: "auth",
      limits: { upstreamCalls: 2, upstreamQueue: 1, upstreamQueueWaitMs: 10_000 },
    });
    const answer = Promise.withResolvers<object>();
    const rpc = await start(
      { login: () => answer.promise, getJwks: async () => jwks("well") },
      { client: { upstream } },
    );
    const calls = [1, 2, 3].map(() => rpc.client.login(login));
    expect(at(await failureOf(rpc.client.login(login)))).toBe("RESOURCE_EXHAUSTED UPSTREAM_BUSY");
    const probe = createRpcClient(authV1.AuthServiceDefinition, { address: rpc.address, upstream: "none" });
    expect(await probe.client.getJwks({})).toEqual(jwks("well"));
    probe.close();
    answer.resolve({});
    await Promise.all(calls);
    expect([upstream.calls.inHand, upstream.calls.waiting]).toEqual([0, 0]);
  });
});

describe("streams", () => {
  async function startLibrary(implementation: object, limits = {}) {
    const log = createLogger({ level: "silent", format: "json", destination: { write: () => undefined } });
    const server = createRpcServer({ host: "127.0.0.1", port: 0, log, metrics: createMetrics(), verifier });
    const definition = libraryV1.LibraryServiceDefinition;
    server.add(definition, { ...unimplemented(definition), ...implementation });
    const upstream = createUpstream({ name: "library", limits });
    const handle = createRpcClient(definition, { address: await server.listen(), upstream });
    running.push({
      async stop() {
        handle.close();
        await server.stop(0);
      },
    });
    return { client: handle.client, upstream };
  }
  const chunk = { part: { $case: "chunk" as const, value: new Uint8Array(10) } };
  const photo = { photoId: "01999999-0000-7000-8000-000000000001" };
  const bearer = "user";

  test("end with their deadline on both sides, however many messages there are", async () => {
    let ended = false;
    const { client, upstream } = await startLibrary({
      async *downloadPhoto() {
        try {
          for (;;) {
            yield chunk;
            await sleep(10);
          }
        } finally {
          ended = true;
        }
      },
    });
    const read = async () => {
      for await (const _ of client.downloadPhoto(photo, { bearer, deadline: 200 }));
    };
    expect((await failureOf(read())).code).toBe(Status.DEADLINE_EXCEEDED);
    await expect.poll(() => ended).toBe(true);
    expect([upstream.streams.inHand, upstream.breaker.state]).toEqual([0, "closed"]);
  });

  test("give their place back when they are given up in the middle, although nobody reads on", async () => {
    const { client, upstream } = await startLibrary({
      async *downloadPhoto() {
        for (let message = 0; message < 1_000; message += 1) yield chunk;
      },
    });
    const stop = new AbortController();
    const messages = client.downloadPhoto(photo, { bearer, signal: stop.signal })[Symbol.asyncIterator]();
    await messages.next();
    expect(upstream.streams.inHand).toBe(1);
    stop.abort();
    expect(upstream.streams.inHand).toBe(0);
  });

  test("keep a place of their own until their reader leaves", async () => {
    const { client, upstream } = await startLibrary(
      {
        async *downloadPhoto() {
          for (let message = 0; message < 1_000; message += 1) yield chunk;
        },
      },
      { upstreamStreams: 1 },
    );
    const messages = client.downloadPhoto(photo, { bearer })[Symbol.asyncIterator]();
    await messages.next();
    const second = client.downloadPhoto(photo, { bearer })[Symbol.asyncIterator]();
    expect(at(await failureOf(second.next()))).toBe("RESOURCE_EXHAUSTED UPSTREAM_BUSY");
    await messages.return?.();
    expect(upstream.streams.inHand).toBe(0);
    const third = client.downloadPhoto(photo, { bearer })[Symbol.asyncIterator]();
    expect((await third.next()).done).toBe(false);
    await third.return?.();
  });
});
