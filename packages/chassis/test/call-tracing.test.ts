import { ROOT_CONTEXT, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { unavailable } from "../src/index.ts";
import { parseKeyValues } from "../src/telemetry/key-value-list.ts";
import { createSampler, samplerNames } from "../src/telemetry/sampler.ts";
import { startRpc, type TestRpc, whoAmI } from "./rpc-harness.ts";

const exporter = new InMemorySpanExporter();
let rpc: TestRpc | undefined;

beforeAll(() => {
  new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
});

beforeEach(() => exporter.reset());

afterEach(async () => {
  await rpc?.stop();
  rpc = undefined;
});

const spansOf = (kind: SpanKind) => exporter.getFinishedSpans().filter((span) => span.kind === kind);

test("a call is a client span and, below it, a server span", async () => {
  rpc = await startRpc({ getJwks: async (_, context) => whoAmI(context) });
  await rpc.client.getJwks({});
  const [client] = spansOf(SpanKind.CLIENT);
  const [server] = spansOf(SpanKind.SERVER);
  expect(client?.name).toBe("ocelli.auth.v1.AuthService/GetJwks");
  expect(server?.name).toBe(client?.name);
  expect(server?.parentSpanContext?.spanId).toBe(client?.spanContext().spanId);
  expect(server?.attributes).toEqual({
    "rpc.system": "grpc",
    "rpc.service": "ocelli.auth.v1.AuthService",
    "rpc.method": "GetJwks",
    "rpc.grpc.status_code": 0,
  });
});

test("attempts of a call that is repeated stand beside each other, each with what became of it", async () => {
  let calls = 0;
  rpc = await startRpc({
    async getJwks(_, context) {
      calls += 1;
      if (calls === 1) throw unavailable("NOT_YET", "Maria's secret.");
      return whoAmI(context);
    },
  });
  await rpc.client.getJwks({}, { retry: true });
  const attempts = spansOf(SpanKind.CLIENT);
  expect(attempts.map(({ attributes }) => attributes["rpc.grpc.status_code"])).toEqual([14, 0]);
  expect(attempts.map(({ status }) => status.code)).toEqual([SpanStatusCode.ERROR, SpanStatusCode.UNSET]);
  expect(attempts[0]?.attributes["error.type"]).toBe("UNAVAILABLE");
  expect(spansOf(SpanKind.SERVER).map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual(
    attempts.map((span) => span.spanContext().spanId),
  );
  const told = exporter.getFinishedSpans().map(({ attributes, status }) => ({ attributes, status }));
  expect(JSON.stringify(told)).not.toContain("secret");
});

describe("samplers", () => {
  const decide = (name: (typeof samplerNames)[number], ratio: number, traceId: string) =>
    createSampler(name, ratio).shouldSample(ROOT_CONTEXT, traceId, "x", SpanKind.SERVER, {}, []).decision > 0;
  const low = "00000001000000000000000000000001";
  const high = "ffffffff000000000000000000000000";

  test.each([
    ["always_on", [true, true]],
    ["always_off", [false, false]],
    ["traceidratio", [true, false]],
    ["parentbased_always_on", [true, true]],
    ["parentbased_always_off", [false, false]],
    ["parentbased_traceidratio", [true, false]],
  ] as const)("%s", (name, kept) => {
    expect([decide(name, 0.5, low), decide(name, 0.5, high)]).toEqual(kept);
  });

  test("are those of the specification", () => expect(samplerNames).toHaveLength(6));
});

test("lists of keys and values are read as the specification says, and values are never quoted", () => {
  expect(parseKeyValues(" a=1, b=x%20y%2Cz ,,c=d=e, a=2")).toEqual({ a: "2", b: "x y,z", c: "d=e" });
  expect(parseKeyValues("")).toEqual({});
  for (const bad of ["a=1,hunter2", "=hunter2", "a=%hunter2"]) {
    expect(() => parseKeyValues(bad)).toThrow(/^part \d is not key=value$/);
  }
});
