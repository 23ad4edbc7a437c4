import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { authV1 } from "@ocelli/contracts";
import { Status } from "nice-grpc-common";
import { afterEach, expect, test } from "vitest";
import { AppError, createMetrics, createRpcClient } from "../src/index.ts";
import { startRpc } from "./rpc-harness.ts";

const releases: Array<() => unknown> = [];
afterEach(async () => {
  for (const release of releases.splice(0).reverse()) await release();
});

test("callers that leave by the thousand take no call of others with them", async () => {
  const held = Promise.withResolvers<void>();
  const rpc = await startRpc({
    getJwks: async () => {
      await held.promise;
      return { jwksJson: "{}" };
    },
    login: () => sleep(60_000).then(() => ({})),
  });
  releases.push(() => rpc.stop(0));
  const waiting = rpc.client.getJwks({}, { deadline: 30_000 });
  // More than Node's own limit of resets (1,000 at once) on the one connection that all share.
  for (let round = 0; round < 30; round += 1) {
    const leave = new AbortController();
    const calls = Array.from({ length: 100 }, () =>
      rpc.client.login({ email: "a@b.c", password: "x" }, { signal: leave.signal }).catch(() => undefined),
    );
    await sleep(5);
    leave.abort();
    await Promise.all(calls);
  }
  held.resolve();
  expect(await waiting).toEqual({ jwksJson: "{}" });
});

test("a call whose connection breaks under it is unavailable, not a mistake of the service", async () => {
  let calls = 0;
  const server = http2.createServer();
  server.on("stream", (stream) => {
    calls += 1;
    stream.on("error", () => undefined);
    stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // A TCP server that listens has an address object.
  const { port } = server.address() as AddressInfo;
  const { client, close } = createRpcClient(authV1.AuthServiceDefinition, {
    address: `127.0.0.1:${port}`,
    metrics: createMetrics(),
  });
  releases.push(close, () => server.close());
  const failure = AppError.from(
    await client.login({ email: "a@b.c", password: "x" }).catch((error: unknown) => error),
  );
  expect([Status[failure.code], calls]).toEqual(["UNAVAILABLE", 1]);
  await client.getJwks({}, { retryMaxAttempts: 3, retryBaseDelayMs: 1 }).catch(() => undefined);
  expect(calls).toBeGreaterThan(2);
});
