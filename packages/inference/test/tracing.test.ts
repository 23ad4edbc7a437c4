import { AsyncLocalStorage } from "node:async_hooks";
import {
  type Attributes,
  type Context,
  context,
  createContextKey,
  INVALID_SPAN_CONTEXT,
  ROOT_CONTEXT,
  trace,
} from "@opentelemetry/api";
import { afterAll, expect, it } from "vitest";
import { startEngine, textHeadInput } from "./support.ts";

const marker = createContextKey("caller");
const spans: { name: string; caller: unknown; attributes: Attributes; ended: boolean }[] = [];
const storage = new AsyncLocalStorage<Context>();
const engineDone: (() => Promise<void>)[] = [];

afterAll(async () => {
  for (const done of engineDone) await done();
  trace.disable();
  context.disable();
});

/** A tracer that only remembers: this package depends on the OpenTelemetry API, not on an SDK. */
function recordSpans(): void {
  trace.setGlobalTracerProvider({
    getTracer: () => ({
      startSpan(name, options, parent) {
        const record = {
          name,
          caller: parent?.getValue(marker),
          attributes: { ...options?.attributes },
          ended: false,
        };
        spans.push(record);
        const span = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
        span.setAttribute = (key, value) => {
          record.attributes[key] = value;
          return span;
        };
        span.end = () => {
          record.ended = true;
        };
        return span;
      },
      startActiveSpan() {
        throw new Error("not used by the engine");
      },
    }),
  });
  context.setGlobalContextManager({
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (active, work, self, ...args) => storage.run(active, () => work.apply(self, args)),
    bind: (_, target) => target,
    enable() {
      return this;
    },
    disable() {
      return this;
    },
  });
}

it("each run is a span under the caller's, saying what ran and never what was in it", async () => {
  recordSpans();
  const engine = startEngine();
  engineDone.push(() => engine.close());
  const caller = ROOT_CONTEXT.setValue(marker, "upload");
  await context.with(caller, () => engine.run("text-head", textHeadInput(1)));
  expect(spans).toMatchObject([{ name: "model.run text-head", caller: "upload", ended: true }]);
  expect(Object.keys(spans[0]?.attributes ?? {}).sort()).toEqual([
    "ocelli.batch.size",
    "ocelli.model.id",
    "ocelli.model.version",
    "ocelli.queue.ms",
    "ocelli.run.ms",
  ]);
  expect(spans[0]?.attributes["ocelli.batch.size"]).toBe(1);
});
