import { ClientError, Status } from "nice-grpc-common";
import { expect, test } from "vitest";
import { createMetrics } from "../telemetry/metrics.ts";
import { createUpstream } from "./upstream.ts";

test("the measure of a service that is called through two upstreams shows the worse one", async () => {
  const metrics = createMetrics();
  const limits = { breakerFailures: 1, breakerOpenMs: 10_000 };
  const [down, up] = [1, 2].map(() => createUpstream({ name: "auth", limits, metrics }));
  const service = "ocelli.auth.v1.AuthService";
  down?.addService(service);
  up?.addService(service);
  const shown = async () => (await metrics.rpcClientBreakerState.get()).values.map(({ value }) => value);
  expect(await shown()).toEqual([0]);
  const gone = new ClientError("/x/y", Status.DEADLINE_EXCEEDED, "late");
  await expect(down?.breaker.run(() => Promise.reject(gone))).rejects.toBe(gone);
  expect(await shown()).toEqual([2]);
  // One more that is well, and what is well by itself, hide nothing.
  createUpstream({ name: "auth", limits, metrics }).addService(service);
  await up?.breaker.run(async () => undefined);
  expect([down?.breaker.state, await shown()]).toEqual(["open", [2]]);
});
