import { context, trace } from "@opentelemetry/api";
import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { expect, test } from "vitest";
import { Secret } from "./config/settings.ts";
import { createLogger } from "./logger.ts";
import { startTracing } from "./telemetry/tracing.ts";

function recordingLogger() {
  const lines: string[] = [];
  const log = createLogger({
    level: "debug",
    format: "json",
    destination: { write: (line) => void lines.push(line) },
  });
  return { log, lines };
}

test("secrets do not reach the log, at the top or one level down", () => {
  const { log, lines } = recordingLogger();
  const values = { password: "hunter2", token: "hunter2", email: "hunter2@x.y", authorization: "hunter2" };
  log.info({ ...values, request: values, key: new Secret("hunter2-hunter2-hunter2") }, "hello");
  log.child({ refreshToken: "hunter2" }).info("hello");
  expect(lines.join("")).not.toContain("hunter2");
  expect(lines.join("")).toContain("[redacted]");
});

test("a database error does not bring the refused row into the log", () => {
  const { log, lines } = recordingLogger();
  const detail = "Failing row contains (hunter2@x.y, rocket.jpg).";
  log.error({ err: Object.assign(new Error("violates a constraint"), { detail }) }, "failed");
  expect(lines.join("")).not.toContain("hunter2");
  expect(lines.join("")).toContain("violates a constraint");
});

test("lines below the level are not written", () => {
  const { log, lines } = recordingLogger();
  log.trace("quiet");
  log.debug("loud");
  expect(lines).toHaveLength(1);
});

test("without an endpoint spans have ids, lines carry them, and nothing is exported", async () => {
  const { log, lines } = recordingLogger();
  const fetched: unknown[] = [];
  const realFetch = globalThis.fetch;
  globalThis.fetch = async (input) => {
    fetched.push(input);
    throw new Error("no network here");
  };
  const recorder = new InMemorySpanExporter();
  const tracing = await startTracing({
    serviceName: "test",
    serviceVersion: "0",
    processors: [new SimpleSpanProcessor(recorder)],
  });
  log.info("outside");
  const span = trace.getTracer("test").startSpan("work");
  context.with(trace.setSpan(context.active(), span), () => log.info("inside"));
  span.end();
  expect(recorder.getFinishedSpans().map(({ name }) => name)).toEqual(["work"]);
  await tracing.stop();
  globalThis.fetch = realFetch;
  const [outside, inside] = lines.map((line): Record<string, unknown> => JSON.parse(line));
  expect(outside).not.toHaveProperty("traceId");
  expect(inside).toMatchObject({ traceId: span.spanContext().traceId, spanId: span.spanContext().spanId });
  expect(span.spanContext().traceId).toMatch(/^(?!0+$)[0-9a-f]{32}$/);
  expect(fetched).toEqual([]);
});
