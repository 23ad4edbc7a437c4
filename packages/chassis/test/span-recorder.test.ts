import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { BasicTracerProvider, type ReadableSpan } from "@opentelemetry/sdk-trace-node";
import { expect, it } from "vitest";
import { createSpanRecorder, type SpanRecorder, type SpanRecorderOptions } from "../src/index.ts";

function record(options: SpanRecorderOptions = {}) {
  const recorder = createSpanRecorder(options);
  const tracer = new BasicTracerProvider({ spanProcessors: [recorder] }).getTracer("test");
  const begin = (name: string, parent = ROOT_CONTEXT) => {
    const span = tracer.startSpan(name, {}, parent);
    return { span, traceId: span.spanContext().traceId, within: trace.setSpan(parent, span) };
  };
  return { recorder, tracer, begin };
}

const names = (recorder: SpanRecorder) => recorder.traces().map(({ spans }) => spans[0]?.name);

it("keeps what a span says, in plain values", () => {
  const { recorder, tracer, begin } = record();
  const root = begin("outer");
  const link = { context: { traceId: "a".repeat(32), spanId: "b".repeat(16), traceFlags: 1 } };
  const span = tracer.startSpan("inner", { kind: SpanKind.CONSUMER, links: [link] }, root.within);
  span.setAttributes({ text: "yes", number: 2, flag: true, list: ["a", "b"] });
  span.addEvent("happened", { why: "so" });
  span.setStatus({ code: SpanStatusCode.ERROR, message: "NOT_TODAY" });
  span.end();
  expect(recorder.trace(root.traceId)).toMatchObject({ open: 1, left: 0 });
  root.span.end();
  expect(recorder.trace(root.traceId)).toMatchObject({
    open: 0,
    spans: [
      {
        name: "inner",
        kind: "consumer",
        parentSpanId: root.span.spanContext().spanId,
        failed: true,
        statusMessage: "NOT_TODAY",
        attributes: { text: "yes", number: 2, flag: true, list: "a,b" },
        events: [{ name: "happened", attributes: { why: "so" } }],
        links: [{ traceId: "a".repeat(32), spanId: "b".repeat(16) }],
        left: 0,
      },
      { name: "outer", kind: "internal", failed: false },
    ],
  });
  const [inner, outer] = recorder.trace(root.traceId)?.spans ?? [];
  expect(Math.abs((outer?.startUs ?? 0) / 1000 - Date.now())).toBeLessThan(60_000);
  expect(inner?.durationUs).toBeGreaterThanOrEqual(0);
});

it("a span that comes late joins its trace, and the newest trace stands first", () => {
  const { recorder, begin } = record();
  const first = begin("first");
  first.span.end();
  begin("second").span.end();
  begin("late", first.within).span.end();
  expect(names(recorder)).toEqual(["second", "first"]);
  expect(recorder.trace(first.traceId)?.spans.map(({ name }) => name)).toEqual(["first", "late"]);
});

it("the oldest traces go first, and what comes late for them does not bring them back", () => {
  const { recorder, begin } = record({ maxTraces: 3 });
  const traces = ["1", "2", "3", "4", "5"].map((name) => begin(name));
  for (const { span } of traces) span.end();
  expect(names(recorder)).toEqual(["5", "4", "3"]);
  if (traces[0]) begin("late", traces[0].within).span.end();
  expect(names(recorder)).toEqual(["5", "4", "3"]);
});

it("minor traces have places of their own, and unwanted ones none", () => {
  const worth = ({ name }: ReadableSpan) =>
    name.startsWith("request") ? "full" : name === "probe" ? "none" : "minor";
  const { recorder, begin } = record({ maxTraces: 8, worth });
  begin("request 1").span.end();
  for (let index = 0; index < 100; index++) {
    begin(`poll ${index}`).span.end();
    const probe = begin("probe");
    begin("within the probe", probe.within).span.end();
    probe.span.end();
  }
  begin("request 2").span.end();
  expect(names(recorder)).toEqual(["request 2", "poll 99", "poll 98", "request 1"]);
});

it("a trace has a bounded number of spans, and a span a bounded size", () => {
  const { recorder, begin } = record({ maxSpansPerTrace: 10 });
  const root = begin("root");
  for (let index = 0; index < 25; index++) {
    const { span } = begin("x".repeat(100_000), root.within);
    for (let at = 0; at < 100; at++) span.setAttribute(`key ${at}`, "y".repeat(100_000));
    for (let at = 0; at < 100; at++) span.addEvent("event", { text: "z".repeat(100_000) });
    span.end();
  }
  const kept = recorder.trace(root.traceId);
  expect([kept?.spans.length, kept?.left]).toEqual([10, 15]);
  const [span] = kept?.spans ?? [];
  expect(Object.keys(span?.attributes ?? {})).toHaveLength(32);
  expect(span?.events).toHaveLength(16);
  expect(span?.left).toBe(68 + 84);
  // 32 attributes and 16 events of 1 KiB each, and their names, at 2 bytes a character.
  expect(JSON.stringify(span).length).toBeLessThan(55_000);
  expect(recorder.bytes).toBeLessThan(10 * 110_000);
});

it("all traces together stay within the memory they may take", () => {
  const maxBytes = 1024 * 1024;
  const { recorder, begin } = record({ maxTraces: 100_000, maxBytes });
  let most = 0;
  for (let index = 0; index < 4_000; index++) {
    const { span } = begin(`trace ${index}`);
    span.setAttribute("text", `${index} ${"y".repeat(500)}`);
    span.end();
    most = Math.max(most, recorder.bytes);
  }
  expect(most).toBeLessThanOrEqual(maxBytes);
  expect(most).toBeGreaterThan(maxBytes * 0.9);
  expect(names(recorder)[0]).toBe("trace 3999");
  // What is counted is what is kept.
  const text = JSON.stringify(recorder.traces()).length;
  expect(text * 2).toBeGreaterThan(recorder.bytes / 3);
  expect(text).toBeLessThan(recorder.bytes);
});

it("spans that never end take no more places than traces may", () => {
  const { recorder, begin } = record({ maxTraces: 5 });
  for (let index = 0; index < 1000; index++) begin("hanging");
  expect(recorder.traces()).toEqual([]);
  const last = begin("last");
  context.with(last.within, () => last.span.end());
  expect(names(recorder)).toEqual(["last"]);
});

it("forgets everything when it is shut down", async () => {
  const { recorder, begin } = record();
  begin("one").span.end();
  await recorder.shutdown();
  expect([recorder.traces(), recorder.bytes]).toEqual([[], 0]);
});
