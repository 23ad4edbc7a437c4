import dns from "node:dns";
import { Client, credentials } from "@grpc/grpc-js";
import { authV1 as auth } from "@ocelli/contracts";
import { freePort, unimplemented } from "@ocelli/testkit";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  createLogger,
  createMetrics,
  createRpcClient,
  createRpcServer,
  type RpcServer,
} from "../src/index.ts";
import { verifier } from "./rpc-harness.ts";

// The name that stands for a headless Service; nobody's real DNS has several loopback addresses for one name.
const name = "replicas.test";
const connectionAgeMs = 1_000;

let port: number;
const servers: RpcServer[] = [];
const resolved: string[] = [];
/** Per address: the client's ports, one per connection. */
const connections = new Map<string, Set<string>>();

beforeEach(async () => {
  port = await freePort();
  const lookup = dns.promises.lookup;
  vi.spyOn(dns.promises, "lookup").mockImplementation(((host: string, options: dns.LookupAllOptions) =>
    host === name
      ? Promise.resolve(resolved.map((address) => ({ address, family: 4 })))
      : lookup(host, options)) as typeof lookup); // Of its overloads the resolver uses only this one.
});
afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(servers.splice(0).map((server) => server.stop(100)));
  resolved.length = 0;
  connections.clear();
});

async function startReplica(host: string): Promise<void> {
  const log = createLogger({ level: "silent", format: "json" });
  const server = createRpcServer({ host, port, log, metrics: createMetrics(), verifier, connectionAgeMs });
  connections.set(host, new Set());
  server.add(auth.AuthServiceDefinition, {
    ...unimplemented(auth.AuthServiceDefinition),
    async getJwks(_, { peer }) {
      connections.get(host)?.add(peer);
      return { jwksJson: host };
    },
  });
  await server.listen();
  servers.push(server);
  resolved.push(host);
}

test("a replica that is added gets its share of the calls once connections have aged, and no call fails", async () => {
  await startReplica("127.0.0.1");
  const { client, close } = createRpcClient(auth.AuthServiceDefinition, {
    address: `dns:///${name}:${port}`,
  });
  await client.getJwks({});
  await startReplica("127.0.0.2");
  const calls = { "127.0.0.1": 0, "127.0.0.2": 0 } as Record<string, number>; // By the host that answered.
  const deadline = performance.now() + 20_000;
  while ((calls["127.0.0.2"] ?? 0) < 50 && performance.now() < deadline) {
    const { jwksJson } = await client.getJwks({});
    calls[jwksJson] = (calls[jwksJson] ?? 0) + 1;
  }
  close();
  expect(calls["127.0.0.2"]).toBe(50);
  expect(connections.get("127.0.0.1")?.size).toBeGreaterThan(1);
});

test("liveness is asked for by name, and stays when calls are no longer welcome", async () => {
  await startReplica("127.0.0.1");
  const statusOf = (service: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      const probe = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
      // HealthCheckRequest: service = 1; HealthCheckResponse: status = 1.
      const request = Buffer.concat([Buffer.from([0x0a, service.length]), Buffer.from(service)]);
      const same = (bytes: Buffer) => bytes;
      probe.makeUnaryRequest("/grpc.health.v1.Health/Check", same, same, request, (error, answer) => {
        probe.close();
        if (error) reject(error);
        else resolve(answer?.[1]);
      });
    });
  expect([await statusOf(""), await statusOf("liveness")]).toEqual([1, 1]);
  servers[0]?.setServing(false);
  expect([await statusOf(""), await statusOf("liveness")]).toEqual([2, 1]);
  servers[0]?.announceStop();
  expect([await statusOf(""), await statusOf("liveness")]).toEqual([2, 1]);
});
