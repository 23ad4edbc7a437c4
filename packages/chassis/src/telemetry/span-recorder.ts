import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace-node";
import { type RecordedSpan, recordSpan } from "./recorded-span.ts";

/** What is known of one trace. */
export interface RecordedTrace {
  readonly traceId: string;
  /** Ended spans in the order in which they ended. */
  readonly spans: readonly RecordedSpan[];
  /** Spans that have begun and not ended. */
  readonly open: number;
  /** Spans that ended when the trace was full. */
  readonly left: number;
}

/** How much a trace is wanted. */
export type TraceWorth = "full" | "minor" | "none";

/** Limits of {@link createSpanRecorder}. */
export interface SpanRecorderOptions {
  /** Traces kept; 200 by default. */
  maxTraces?: number;
  /** Spans kept of one trace; 2000 by default: an upload with all its stages has about 150. */
  maxSpansPerTrace?: number;
  /** About how much memory the spans may take in all; 32 MiB by default. */
  maxBytes?: number;
  /**
   * What a trace is worth that begins with a span: `minor` ones have a quarter of the places to themselves and cannot
   * push out others, `none` are not kept. Everything is `full` by default.
   */
  worth?: (span: ReadableSpan) => TraceWorth;
}

/** Keeps the last traces of this process in memory. */
export interface SpanRecorder extends SpanProcessor {
  /** The last traces that have an ended span, the newest first. */
  traces(): RecordedTrace[];
  /** One of them. */
  trace(traceId: string): RecordedTrace | undefined;
  /** About how much memory the spans take. */
  readonly bytes: number;
}

interface Entry {
  readonly traceId: string;
  readonly spans: RecordedSpan[];
  readonly worth: TraceWorth;
  open: number;
  left: number;
  bytes: number;
}

// So many traces that are gone are remembered for each that is kept: what comes late for them must not begin them anew,
// headless, and push out others.
const goneFactor = 20;
const minorPart = 4;
const mebi = 1024 * 1024;

/**
 * Makes a recorder to give to `startTracing`. Spans that come later, as those of events do, join their trace; over the
 * limits the oldest traces go first.
 */
export function createSpanRecorder(options: SpanRecorderOptions = {}): SpanRecorder {
  return new MemoryRecorder(options);
}

class MemoryRecorder implements SpanRecorder {
  readonly #maxTraces: number;
  readonly #maxSpansPerTrace: number;
  readonly #maxBytes: number;
  readonly #worthOf: (span: ReadableSpan) => TraceWorth;
  // Both in the order of beginning.
  readonly #entries = new Map<string, Entry>();
  readonly #gone = new Set<string>();
  #bytes = 0;
  #minor = 0;

  constructor({
    maxTraces = 200,
    maxSpansPerTrace = 2000,
    maxBytes = 32 * mebi,
    worth,
  }: SpanRecorderOptions) {
    this.#maxTraces = maxTraces;
    this.#maxSpansPerTrace = maxSpansPerTrace;
    this.#maxBytes = maxBytes;
    this.#worthOf = worth ?? (() => "full");
  }

  get bytes(): number {
    return this.#bytes;
  }

  onStart(span: ReadableSpan): void {
    const { traceId } = span.spanContext();
    const entry = this.#entries.get(traceId);
    if (entry) entry.open += 1;
    else if (!this.#gone.has(traceId)) this.#begin(traceId, this.#worthOf(span));
  }

  onEnd(span: ReadableSpan): void {
    const entry = this.#entries.get(span.spanContext().traceId);
    if (!entry) return;
    entry.open = Math.max(0, entry.open - 1);
    if (entry.spans.length >= this.#maxSpansPerTrace) {
      entry.left += 1;
      return;
    }
    const { recorded, bytes } = recordSpan(span);
    entry.spans.push(recorded);
    entry.bytes += bytes;
    this.#bytes += bytes;
    while (this.#bytes > this.#maxBytes) this.#forgetOldest();
  }

  traces(): RecordedTrace[] {
    return [...this.#entries.values()].filter(({ spans }) => spans.length > 0).reverse();
  }

  trace(traceId: string): RecordedTrace | undefined {
    const entry = this.#entries.get(traceId);
    return entry && entry.spans.length > 0 ? entry : undefined;
  }

  forceFlush(): Promise<void> {
    return Promise.resolve();
  }

  async shutdown(): Promise<void> {
    this.#entries.clear();
    this.#gone.clear();
    this.#bytes = 0;
    this.#minor = 0;
  }

  #begin(traceId: string, worth: TraceWorth): void {
    if (worth === "none") {
      this.#forget(traceId);
      return;
    }
    this.#entries.set(traceId, { traceId, spans: [], worth, open: 1, left: 0, bytes: 0 });
    if (worth === "minor") this.#minor += 1;
    if (this.#minor > this.#maxTraces / minorPart) this.#forgetOldest("minor");
    else if (this.#entries.size > this.#maxTraces) this.#forgetOldest();
  }

  #forgetOldest(worth?: TraceWorth): void {
    for (const entry of this.#entries.values()) {
      if (worth !== undefined && entry.worth !== worth) continue;
      this.#forget(entry.traceId);
      return;
    }
  }

  #forget(traceId: string): void {
    const entry = this.#entries.get(traceId);
    this.#bytes -= entry?.bytes ?? 0;
    if (entry?.worth === "minor") this.#minor -= 1;
    this.#entries.delete(traceId);
    this.#gone.add(traceId);
    if (this.#gone.size > this.#maxTraces * goneFactor) dropFirst(this.#gone);
  }
}

function dropFirst(set: Set<string>): void {
  for (const first of set) {
    set.delete(first);
    return;
  }
}
