import { type Attributes, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-node";

/** A value of an attribute as kept: text is cut, lists are text. */
export type RecordedValue = string | number | boolean;
/** Attributes as kept. */
export type RecordedAttributes = Readonly<Record<string, RecordedValue>>;

/** Something that happened within a span. */
export interface RecordedEvent {
  readonly name: string;
  /** Microseconds since 1970. */
  readonly atUs: number;
  readonly attributes: RecordedAttributes;
}

/** A span of another trace, or of this one, that belongs to this span without being its parent. */
export interface RecordedLink {
  readonly traceId: string;
  readonly spanId: string;
}

/** An ended span, cut to a bounded size. */
export interface RecordedSpan {
  readonly spanId: string;
  /** Absent for the first of a trace; it may be of another process or be lost. */
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: "internal" | "server" | "client" | "producer" | "consumer";
  /** Microseconds since 1970. */
  readonly startUs: number;
  readonly durationUs: number;
  readonly failed: boolean;
  /** Of a failed span; may be empty. */
  readonly statusMessage: string;
  readonly attributes: RecordedAttributes;
  readonly events: readonly RecordedEvent[];
  readonly links: readonly RecordedLink[];
  /** Attributes, events and links that were over the limits. */
  readonly left: number;
}

const maxText = 1024;
const maxName = 200;
const maxAttributes = 32;
const maxEvents = 16;
const maxLinks = 8;
// What objects, numbers and ids of a span, of an event or link, and of an attribute take beside their text, rounded up.
const spanOverhead = 600;
const partOverhead = 200;
const attributeOverhead = 64;

const kinds = {
  [SpanKind.INTERNAL]: "internal",
  [SpanKind.SERVER]: "server",
  [SpanKind.CLIENT]: "client",
  [SpanKind.PRODUCER]: "producer",
  [SpanKind.CONSUMER]: "consumer",
} as const;

/** Copies what is worth keeping of an ended span; `bytes` is about what the copy takes in memory. */
export function recordSpan(span: ReadableSpan): { recorded: RecordedSpan; bytes: number } {
  const cutter = new Cutter();
  const { attributes, events, links, status, parentSpanContext } = span;
  const recorded: RecordedSpan = {
    spanId: span.spanContext().spanId,
    ...(parentSpanContext ? { parentSpanId: parentSpanContext.spanId } : {}),
    name: cutter.text(span.name, maxName),
    kind: kinds[span.kind],
    startUs: toMicroseconds(span.startTime),
    durationUs: toMicroseconds(span.duration),
    failed: status.code === SpanStatusCode.ERROR,
    statusMessage: cutter.text(status.message ?? "", maxName),
    attributes: cutter.attributes(attributes),
    events: events.slice(0, maxEvents).map((event) => ({
      name: cutter.text(event.name, maxName),
      atUs: toMicroseconds(event.time),
      attributes: cutter.attributes(event.attributes ?? {}),
    })),
    links: links
      .slice(0, maxLinks)
      .map(({ context: { traceId, spanId } }): RecordedLink => ({ traceId, spanId })),
    left:
      Math.max(0, Object.keys(attributes).length - maxAttributes) +
      Math.max(0, events.length - maxEvents) +
      Math.max(0, links.length - maxLinks),
  };
  const parts = recorded.events.length + recorded.links.length;
  return { recorded, bytes: spanOverhead + parts * partOverhead + cutter.bytes };
}

/** Cuts text, and counts what it lets through. */
class Cutter {
  bytes = 0;

  text(text: string, max = maxText): string {
    const kept = text.length > max ? `${copyOf(text.slice(0, max))}…` : text;
    this.bytes += kept.length * 2;
    return kept;
  }

  attributes(given: Attributes): RecordedAttributes {
    const kept: Record<string, RecordedValue> = {};
    for (const [name, value] of Object.entries(given).slice(0, maxAttributes)) {
      this.bytes += attributeOverhead;
      const plain = typeof value === "number" || typeof value === "boolean";
      kept[this.text(name, maxName)] = plain ? value : this.text(String(value ?? ""));
    }
    return kept;
  }
}

/** The engine keeps the whole of a text for as long as there is a part of it; this part stands alone. */
function copyOf(part: string): string {
  return Buffer.from(part).toString();
}

function toMicroseconds([seconds, nanoseconds]: [number, number]): number {
  return seconds * 1e6 + Math.round(nanoseconds / 1000);
}
