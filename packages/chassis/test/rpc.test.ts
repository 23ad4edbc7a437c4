import { setTimeout as sleep } from "node:timers/promises";
import { Client, credentials } from "@grpc/grpc-js";
import { authV1 } from "@ocelli/contracts";
import { createChannel, createClient, Metadata } from "nice-grpc";
import { Status } from "nice-grpc-common";
import { HealthDefinition } from "nice-grpc-server-health";
import { afterEach, describe, expect, test } from "vitest";
import { AppError, createRpcClient } from "../src/index.ts";
import { freePort, otherUserId, startRpc, type TestRpc, userId, whoAmI } from "./rpc-harness.ts";

let rpc: TestRpc | undefined;

afterEach(async () => {
  await rpc?.stop();
  rpc = undefined;
});

const failureOf = (call: Promise<unknown>) =>
  call.then(
    () => {
      throw new Error("the call succeeded");
    },
    (error: unknown) => AppError.from(error),
  );
/** What server reflection (grpc.reflection.v1) answers, as raw text. */
async function askReflection(address: string): Promise<string[]> {
  const client = new Client(address, credentials.createInsecure());
  const path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
  const same = (bytes: Buffer) => bytes;
  const stream = client.makeBidiStreamRequest(path, same, same);
  const symbol = Buffer.from("ocelli.auth.v1.AuthService");
  // ServerReflectionRequest: list_services = 7, file_containing_symbol = 4.
  stream.write(Buffer.from([0x3a, 0]));
  stream.write(Buffer.concat([Buffer.from([0x22, symbol.length]), symbol]));
  stream.end();
  const answers: string[] = [];
  for await (const answer of stream) answers.push(String(answer));
  client.close();
  return answers;
}

/** Sends bytes that no client of ours would. */
function sendRaw(address: string, bytes: Buffer): Promise<{ code: number }> {
  const client = new Client(address, credentials.createInsecure());
  const same = (buffer: Buffer) => buffer;
  return new Promise((resolve) => {
    client.makeUnaryRequest("/ocelli.auth.v1.AuthService/Login", same, same, bytes, (error) => {
      client.close();
      resolve({ code: error?.code ?? Status.OK });
    });
  });
}

const login = { email: "a@b.c", password: "x" };

describe("errors", () => {
  test("arrive with reason, fields and time to wait", async () => {
    const sent = new AppError({
      code: Status.RESOURCE_EXHAUSTED,
      reason: "TOO_MANY_LOGINS",
      message: "Slow down, ça va – 你好.",
      violations: [{ field: "email", description: "known too well" }],
      retryAfterMs: 1234.5,
    });
    rpc = await startRpc({ login: () => Promise.reject(sent) });
    const { code, reason, message, violations, retryAfterMs } = await failureOf(rpc.client.login(login));
    expect({ code, reason, message, retryAfterMs }).toEqual({
      code: sent.code,
      reason: sent.reason,
      message: sent.message,
      retryAfterMs: 1234.5,
    });
    expect(violations).toMatchObject(sent.violations);
    expect((await rpc.metrics.expose()).body).toContain('ocelli_refused_total{reason="TOO_MANY_LOGINS"} 1');
    expect(rpc.logLines).toEqual([]);
  });

  test("nobody foresaw are INTERNAL: the message is logged, not sent", async () => {
    rpc = await startRpc({ login: () => Promise.reject(new Error("host db7 refused hunter2")) });
    const failure = await failureOf(rpc.client.login(login));
    expect(failure).toMatchObject({ code: Status.INTERNAL, reason: "INTERNAL" });
    expect(`${failure.message} ${JSON.stringify(failure.cause)}`).not.toContain("hunter2");
    expect(rpc.logLines.join()).toContain("hunter2");
    expect((await rpc.metrics.expose()).body).toMatch(
      /ocelli_rpc_server_seconds_count\{[^}]*INTERNAL[^}]*\} 1/,
    );
  });

  test("of a service behind pass through with their reason", async () => {
    const behind = await startRpc({
      login: () => Promise.reject(new AppError({ code: Status.NOT_FOUND, reason: "DEEP", message: "Deep." })),
    });
    rpc = await startRpc({ login: (request) => behind.client.login(request) });
    expect(await failureOf(rpc.client.login(login))).toMatchObject({
      code: Status.NOT_FOUND,
      reason: "DEEP",
      message: "Deep.",
    });
    await behind.stop();
  });

  test("a request that is no protobuf or far too large is refused, and the server lives on", async () => {
    rpc = await startRpc({ login: async () => ({}) });
    const huge = { email: "a".repeat(5 * 1024 * 1024), password: "" };
    expect(await failureOf(rpc.client.login(huge))).toMatchObject({ code: Status.RESOURCE_EXHAUSTED });
    expect((await sendRaw(rpc.address, Buffer.from([0xff, 0xff, 0xff]))).code).not.toBe(Status.OK);
    await rpc.client.login(login);
  });
});

describe("deadlines", () => {
  test("end the call on both sides", async () => {
    let aborted = false;
    rpc = await startRpc({
      login: async (_, { signal }) => {
        await sleep(5_000, undefined, { signal }).catch((error) => {
          aborted = true;
          throw error;
        });
        return {};
      },
    });
    const failure = await failureOf(rpc.client.login(login, { deadline: 100 }));
    expect(failure).toMatchObject({ code: Status.DEADLINE_EXCEEDED, reason: "DEADLINE_EXCEEDED" });
    await expect.poll(() => aborted).toBe(true);
  });

  test("are set when the caller sets none", async () => {
    rpc = await startRpc(
      { login: () => new Promise(() => undefined) },
      { client: { defaultDeadlineMs: 150 } },
    );
    expect(await failureOf(rpc.client.login(login))).toMatchObject({ code: Status.DEADLINE_EXCEEDED });
    await rpc.stop(0);
    rpc = undefined;
  });
});

describe("retries", () => {
  test("a call without side effects is repeated until the server is back, any other is not", async () => {
    const port = await freePort();
    const { client, close } = createRpcClient(authV1.AuthServiceDefinition, { address: `127.0.0.1:${port}` });
    expect(await failureOf(client.login(login))).toMatchObject({ code: Status.UNAVAILABLE });
    const read = client.getJwks({});
    await sleep(100);
    rpc = await startRpc({ getJwks: async () => ({ jwksJson: "here" }) }, { port });
    expect(await read).toEqual({ jwksJson: "here" });
    close();
  });

  test("survive a restart of the server on the same port", async () => {
    const port = await freePort();
    const handlers = { getJwks: async () => ({ jwksJson: "here" }) };
    rpc = await startRpc(handlers, { port });
    const { client, close } = createRpcClient(authV1.AuthServiceDefinition, { address: rpc.address });
    await client.getJwks({});
    await rpc.stop();
    const read = client.getJwks({});
    rpc = await startRpc(handlers, { port });
    expect(await read).toEqual({ jwksJson: "here" });
    close();
  });

  test("errors other than UNAVAILABLE are not repeated", async () => {
    let calls = 0;
    rpc = await startRpc({
      getJwks: () => {
        calls += 1;
        return Promise.reject(new Error("no"));
      },
    });
    await failureOf(rpc.client.getJwks({}));
    expect(calls).toBe(1);
  });
});

describe("identity", () => {
  const me = async (...options: Parameters<TestRpc["client"]["getJwks"]>[1][]) =>
    rpc ? (await rpc.client.getJwks({}, options[0])).jwksJson : "";
  const actingUser = (id: string) => Metadata({ "x-ocelli-acting-user": id });

  test("nobody, a user, a service, a service for a user", async () => {
    rpc = await startRpc(
      { getJwks: async (_, context) => whoAmI(context) },
      { client: { serviceToken: { token: async () => "service" } } },
    );
    expect(await me()).toBe("anonymous");
    expect(await me({ bearer: "user" })).toBe(`user:${userId}`);
    expect(await me({ bearer: "service" })).toBe("service:undefined");
    expect(await me({ actingUser: otherUserId })).toBe(`service:${otherUserId}`);
  });

  test("only services act for others", async () => {
    rpc = await startRpc({ getJwks: async (_, context) => whoAmI(context) });
    expect(await me({ bearer: "user", metadata: actingUser(otherUserId) })).toBe(`user:${userId}`);
    expect(await me({ metadata: actingUser(otherUserId) })).toBe("anonymous");
  });

  test.each(["", "1", otherUserId.replaceAll("0", "A"), "' or 1=1"])(
    "acting for %j is refused",
    async (id) => {
      rpc = await startRpc({ getJwks: async (_, context) => whoAmI(context) });
      const { client } = rpc;
      expect(
        await failureOf(client.getJwks({}, { bearer: "service", metadata: actingUser(id) })),
      ).toMatchObject({ code: Status.INVALID_ARGUMENT, reason: "INVALID_ACTING_USER" });
    },
  );

  test("an account for one user acts for him, asked or not, and for nobody else", async () => {
    rpc = await startRpc({ getJwks: async (_, context) => whoAmI(context) });
    const bearer = "account-of-user";
    expect(await me({ bearer })).toBe(`service:${userId}`);
    expect(await me({ bearer, metadata: actingUser(userId) })).toBe(`service:${userId}`);
    const call = rpc.client.getJwks({}, { bearer, metadata: actingUser(otherUserId) });
    expect(await failureOf(call)).toMatchObject({
      code: Status.PERMISSION_DENIED,
      reason: "ACTING_USER_NOT_ALLOWED",
    });
    expect(await me({ bearer: "account", metadata: actingUser(otherUserId) })).toBe(`service:${otherUserId}`);
  });

  test("a method is closed to whom its rule does not name, before the handler runs", async () => {
    let called = 0;
    const answer = async () => {
      called += 1;
      return {};
    };
    rpc = await startRpc({ listRevocations: answer, listSessions: answer, getCurrentUser: answer });
    const { client } = rpc;
    const outcomes = await Promise.all(
      [
        client.listRevocations({}),
        client.listRevocations({}, { bearer: "user" }),
        client.listRevocations({}, { bearer: "account" }),
        client.listSessions({}, { bearer: "account" }),
        client.getCurrentUser({}),
      ].map(async (call) => (await failureOf(call)).reason),
    );
    expect(outcomes).toEqual([
      "UNAUTHENTICATED",
      "SERVICES_ONLY",
      "SERVICES_ONLY",
      "SESSION_REQUIRED",
      "UNAUTHENTICATED",
    ]);
    expect(called).toBe(0);
    // Who has a token and tries other doors is seen; who has none is anybody.
    const refused = rpc.logLines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === "call refused");
    const method = (name: string) => `/ocelli.auth.v1.AuthService/${name}`;
    const lines = refused.map(({ method, reason, actor, actorId }) => [method, reason, actor, actorId]);
    expect(lines.toSorted()).toEqual([
      [method("ListRevocations"), "SERVICES_ONLY", "service", otherUserId],
      [method("ListRevocations"), "SERVICES_ONLY", "user", userId],
      [method("ListSessions"), "SESSION_REQUIRED", "service", otherUserId],
    ]);
    await client.listRevocations({}, { bearer: "service" });
    await client.listSessions({}, { bearer: "user" });
    await client.getCurrentUser({}, { bearer: "account" });
    expect(called).toBe(3);
  });

  test.each(["Bearer wrong", "Basic dXNlcjpw", "Bearer", "user", "Bearer user extra"])(
    "%j is refused before the handler runs",
    async (authorization) => {
      let called = false;
      rpc = await startRpc({
        getJwks: async () => {
          called = true;
          return {};
        },
      });
      const call = rpc.client.getJwks({}, { metadata: Metadata({ authorization }) });
      expect(await failureOf(call)).toMatchObject({
        code: Status.UNAUTHENTICATED,
        reason: "INVALID_TOKEN",
      });
      expect(called).toBe(false);
    },
  );
});

describe("the origin of a call", () => {
  const told = { address: "203.0.113.9", userAgent: "a browser" };
  const originOf = async (options: Parameters<TestRpc["client"]["getJwks"]>[1]) =>
    rpc ? JSON.parse((await rpc.client.getJwks({}, options)).jwksJson) : undefined;
  const claim = (proof?: string) =>
    Metadata({
      "x-ocelli-client-address": told.address,
      "x-ocelli-client-agent": told.userAgent,
      ...(proof === undefined ? {} : { "x-ocelli-client-proof": proof }),
    });
  const start = (client: Parameters<typeof startRpc>[1] = {}) =>
    startRpc({ getJwks: async (_, { origin }) => ({ jwksJson: JSON.stringify(origin) }) }, client);

  test("is what one of Ocelli's own services says, whoever calls through it", async () => {
    rpc = await start({ client: { serviceToken: { token: async () => "service" } } });
    expect(await originOf({ origin: told })).toEqual(told);
    expect(await originOf({ origin: told, bearer: "user" })).toEqual(told);
    const long = { address: "1".repeat(100), userAgent: `caf\u00e9\r\n${"x".repeat(500)}` };
    const { address, userAgent } = await originOf({ origin: long });
    expect(address).toHaveLength(64);
    expect(userAgent).toMatch(/^caf\?\?\?x{194}$/);
  });

  test.each([
    ["without proof", undefined],
    ["with a user's token as proof", "user"],
    ["with a stored service account's token as proof", "account"],
  ])("is the connection's own %s", async (_, proof) => {
    rpc = await start();
    for (const bearer of ["user", "account", undefined]) {
      const origin = await originOf({ metadata: claim(proof), ...(bearer ? { bearer } : {}) });
      expect(origin).toEqual({ address: "127.0.0.1", userAgent: expect.stringContaining("grpc") });
    }
  });

  test("is not believed from a service that sends its token but no proof", async () => {
    rpc = await start();
    expect((await originOf({ bearer: "service", metadata: claim() })).address).toBe("127.0.0.1");
  });

  test("with a forged proof is refused", async () => {
    rpc = await start();
    const call = rpc.client.getJwks({}, { bearer: "user", metadata: claim("forged") });
    expect(await failureOf(call)).toMatchObject({ code: Status.UNAUTHENTICATED, reason: "INVALID_TOKEN" });
  });
});

describe("operations", () => {
  test("health and reflection answer without a token", async () => {
    rpc = await startRpc({});
    const channel = createChannel(rpc.address);
    const health = createClient(HealthDefinition, channel);
    for (const service of ["", "ocelli.auth.v1.AuthService"])
      expect(String((await health.check({ service })).status)).toMatch(/^(1|SERVING)$/);
    const [services, file] = await askReflection(rpc.address);
    expect(services).toContain("ocelli.auth.v1.AuthService");
    expect(file).toContain("ocelli/auth/v1/auth.proto");
    channel.close();
  });

  test("stopping finishes the call in hand, refuses new ones and frees the port", async () => {
    let started = false;
    rpc = await startRpc({
      login: async () => {
        started = true;
        await sleep(300);
        return {};
      },
    });
    const inHand = rpc.client.login(login);
    await expect.poll(() => started).toBe(true);
    const stopped = rpc.server.stop(5_000);
    await expect(inHand).resolves.toBeDefined();
    await stopped;
    expect(await failureOf(rpc.client.login(login))).toMatchObject({ code: Status.UNAVAILABLE });
    const port = Number(rpc.address.split(":")[1]);
    const again = await startRpc({ login: async () => ({}) }, { port });
    await again.client.login(login);
    await again.stop();
  });

  test("a call that will not end is cut off after the grace", async () => {
    rpc = await startRpc({ login: () => new Promise(() => undefined) });
    const failure = failureOf(rpc.client.login(login));
    await sleep(100);
    const startedAt = performance.now();
    await rpc.server.stop(200);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    expect([Status.UNAVAILABLE, Status.CANCELLED]).toContain((await failure).code);
  });
});
