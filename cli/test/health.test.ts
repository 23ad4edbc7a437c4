import { createServer as createHttpServer } from "node:http";
import { createServer as createHttp2Server, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, createServer } from "node:net";
import { settings as auth } from "@ocelli/auth/config";
import { settings as captioning } from "@ocelli/captioning/config";
import {
  createLogger,
  createMetrics,
  createRpcServer,
  describeSettings,
  type RpcServer,
  type Settings,
  unauthenticated,
} from "@ocelli/chassis";
import { settings as face } from "@ocelli/face/config";
import { settings as gateway } from "@ocelli/gateway/config";
import { settings as library } from "@ocelli/library/config";
import { settings as scene } from "@ocelli/scene/config";
import { settings as search } from "@ocelli/search/config";
import { afterEach, describe, expect, test } from "vitest";
import { checkGatewayReadiness, checkGrpcHealth } from "../src/health-check.ts";
import { defaultPorts, findHealthTarget } from "../src/health-target.ts";
import { type ServiceName, serviceNames } from "../src/service-names.ts";
import { environmentOf, ocelli } from "./ocelli-process.ts";

interface Listening {
  listen(port: number, host: string, done: () => void): unknown;
  address(): AddressInfo | string | null;
  close(): unknown;
}

const releases: (() => unknown)[] = [];
afterEach(async () => {
  for (const release of releases.splice(0)) await release();
});

/** `host:port` of a server that ends with its test. */
async function listen(server: Listening): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  releases.push(() => server.close());
  const address = server.address();
  if (typeof address !== "object" || !address) throw new Error("the server has no port");
  return `127.0.0.1:${address.port}`;
}

async function startServer(): Promise<{ server: RpcServer; address: string }> {
  const server = createRpcServer({
    host: "127.0.0.1",
    port: 0,
    log: createLogger({ level: "silent", format: "json" }),
    metrics: createMetrics(),
    verifier: {
      async verify() {
        throw unauthenticated("INVALID_TOKEN", "The access token is not valid.");
      },
    },
  });
  releases.push(() => server.stop(0));
  return { server, address: await server.listen() };
}

/** A server that speaks HTTP/2 and answers as it likes. */
function startRaw(answer: (stream: ServerHttp2Stream) => void): Promise<string> {
  const sessions = new Set<{ destroy(): void }>();
  const server = createHttp2Server().on("session", (session) => sessions.add(session));
  releases.push(() => sessions.forEach((session) => void session.destroy()));
  return listen(
    server.on("stream", (stream) => {
      stream.on("error", () => undefined);
      answer(stream);
    }),
  );
}

function answerWith(body: Buffer, status: string) {
  return (stream: ServerHttp2Stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": status }));
    stream.end(body);
  };
}

describe("the health of a service", () => {
  test("is good while it serves, and bad when it says so itself", async () => {
    const { server, address } = await startServer();
    await checkGrpcHealth(address, 3_000);
    server.announceStop();
    await expect(checkGrpcHealth(address, 3_000)).rejects.toThrow("not serving");
  });

  test.each<[string, (stream: ServerHttp2Stream) => void, string]>([
    ["an unknown state", answerWith(Buffer.from([0, 0, 0, 0, 2, 0x08, 3]), "0"), "not serving"],
    ["nothing", answerWith(Buffer.alloc(0), "0"), "not serving"],
    ["far too much", answerWith(Buffer.alloc(1_000_000, 1), "0"), "not serving"],
    ["an error", (stream) => stream.respond({ "grpc-status": "12" }, { endStream: true }), "gRPC status 12"],
    ["no status", (stream) => stream.respond({ ":status": 404 }, { endStream: true }), "gRPC status missing"],
    ["a reset", (stream) => stream.close(2), "NGHTTP2_INTERNAL_ERROR"],
    ["never", () => undefined, "no answer within 200 ms"],
  ])("is bad when it answers %s", async (_, answer, reason) => {
    await expect(checkGrpcHealth(await startRaw(answer), 200)).rejects.toThrow(reason);
  });

  test("is bad when something else listens there", async () => {
    const address = await listen(createServer((socket) => socket.end("220 mail.example.org ESMTP\r\n")));
    await expect(checkGrpcHealth(address, 1_000)).rejects.toThrow();
  });
});

describe("the health of a gateway", () => {
  const start = (status: number, body: string) =>
    listen(createHttpServer((_, response) => response.writeHead(status).end(body)));

  test("is that of all it needs", async () => {
    await checkGatewayReadiness(await start(200, '{"ready":true}'), 1_000);
    const checks = { library: "ok", face: "failed", search: "timeout" };
    const address = await start(503, JSON.stringify({ ready: false, checks }));
    await expect(checkGatewayReadiness(address, 1_000)).rejects.toThrow(
      "not ready (HTTP 503; face: failed; search: timeout)",
    );
  });

  test.each(["", "null", "{", '{"checks":3}', "x".repeat(200_000)])(
    "is bad whatever stands in a refusal",
    async (body) => {
      await expect(checkGatewayReadiness(await start(500, body), 1_000)).rejects.toThrow(
        "not ready (HTTP 500)",
      );
    },
  );

  test("is bad when it does not answer in time", async () => {
    const address = await listen(
      createServer(() => undefined).on("connection", (socket) => releases.push(() => socket.destroy())),
    );
    await expect(checkGatewayReadiness(address, 200)).rejects.toThrow("no answer within 200 ms");
  });
});

describe("where a service answers", () => {
  const settings: Record<ServiceName, Settings> = { gateway, auth, library, captioning, face, scene, search };

  test.each(serviceNames)("is where %s listens by default", (name) => {
    const port = describeSettings(settings[name]).find(
      ({ env }) => env === (name === "gateway" ? "PORT" : `${name.toUpperCase()}_PORT`),
    );
    expect(port?.default).toBe(String(defaultPorts[name]));
    expect(findHealthTarget(name, {})).toBe(`127.0.0.1:${defaultPorts[name]}`);
  });

  test.each<[ServiceName, NodeJS.ProcessEnv, string]>([
    ["gateway", { HOST: "0.0.0.0", PORT: "80" }, "127.0.0.1:80"],
    ["auth", { AUTH_HOST: "::", AUTH_PORT: "9000", PORT: "1" }, "[::1]:9000"],
    ["face", { FACE_HOST: "fd00::7" }, "[fd00::7]:7004"],
    ["search", { SEARCH_HOST: "search.internal" }, "search.internal:7006"],
  ])("is for %s with %j %s", (name, env, address) => expect(findHealthTarget(name, env)).toBe(address));

  test("is not known when the service picks a port itself", () => {
    expect(() => findHealthTarget("auth", { AUTH_PORT: "0" })).toThrow(/AUTH_PORT is 0/);
    expect(() => findHealthTarget("auth", { AUTH_PORT: "seven" })).toThrow(/AUTH_PORT: must be/);
  });
});

describe("ocelli health", () => {
  test("exits 0 with one line when all is well", async () => {
    const { address } = await startServer();
    expect(await ocelli(environmentOf("/nowhere"), ["health", "auth", "--address", address])).toEqual({
      code: 0,
      stdout: `auth at ${address} is healthy\n`,
      stderr: "",
    });
  });

  test.each<[string[], NodeJS.ProcessEnv, RegExp]>([
    [
      ["auth"],
      { AUTH_PORT: "1" },
      /^ocelli: auth at 127\.0\.0\.1:1 is not healthy: connect ECONNREFUSED .*\n$/,
    ],
    [[], { PORT: "1" }, /^ocelli: gateway at 127\.0\.0\.1:1 is not healthy: connect ECONNREFUSED .*\n$/],
    [["darkroom"], {}, /^ocelli: unknown service "darkroom"; one of gateway, auth, .*\n$/],
    [["auth", "--address", "nowhere"], {}, /^ocelli: --address must be host:port.*\n$/],
    [["auth", "--timeout", "0"], {}, /^ocelli: --timeout must be .*\n$/],
    [["auth"], { AUTH_PORT: "x" }, /^ocelli: bad configuration: AUTH_PORT: .*\n$/],
  ])("%j exits 1 with one line", async (args, env, line) => {
    const { code, stdout, stderr } = await ocelli({ ...environmentOf("/nowhere"), ...env }, [
      "health",
      ...args,
    ]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(line);
  });
});
