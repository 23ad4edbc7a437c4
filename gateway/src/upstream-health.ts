import { createRpcClient, type Upstream } from "@ocelli/chassis";
import { addressOf, type UpstreamName, upstreamNames } from "./clients.ts";
import type { GatewayConfig } from "./config.ts";
import type { ReadinessCheck } from "./readiness.ts";

// The whole-server question of grpc.health.v1 and its one-field answer, written out: no generated code is needed for it.
const serving = 1;
const emptyRequest = {
  encode: (_request: object) => ({ finish: () => new Uint8Array() }),
  decode: (_bytes: Uint8Array): object => ({}),
  fromPartial: (request: object): object => request,
};
const statusResponse = {
  encode: ({ status }: { status: number }) => ({ finish: () => Uint8Array.of(0x08, status) }),
  decode: (bytes: Uint8Array) => ({ status: bytes[0] === 0x08 ? (bytes[1] ?? 0) : 0 }),
  fromPartial: ({ status = 0 }: { status?: number }) => ({ status }),
};
const healthDefinition = {
  name: "Health",
  fullName: "grpc.health.v1.Health",
  methods: {
    check: {
      name: "Check",
      requestType: emptyRequest,
      requestStream: false,
      responseType: statusResponse,
      responseStream: false,
      options: {},
    },
  },
} as const;

const deadlineMs = 1500;

/**
 * One readiness check per service behind the gateway, over the standard gRPC health protocol. They are made however calls
 * to the service do, which is told beside: `upstreams` knows of calls that fail although the service says it is well.
 */
export function openUpstreamChecks(
  config: GatewayConfig,
  upstreams: Readonly<Record<UpstreamName, Pick<Upstream, "breaker">>>,
): { checks: ReadinessCheck[]; close(): void } {
  const opened = upstreamNames.map((name) => {
    const { client, close } = createRpcClient(healthDefinition, {
      address: addressOf(config, name),
      defaultDeadlineMs: deadlineMs,
      upstream: "none",
    });
    const check = async () => {
      const { status } = await client.check({});
      if (status !== serving) throw new Error(`${name} is not serving`);
    };
    const isDegraded = () => upstreams[name].breaker.state !== "closed";
    return { check: { name, check, isDegraded }, close };
  });
  return {
    checks: opened.map(({ check }) => check),
    close: () => opened.forEach(({ close }) => void close()),
  };
}
