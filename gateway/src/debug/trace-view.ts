import type { RecordedSpan, RecordedTrace } from "@ocelli/chassis";
import { buildTrees, criticalPath, type SpanNode } from "./span-tree.ts";

/** The HTTP request that a trace began with. */
export interface RequestView {
  readonly method: string;
  /** As documented, e.g. `/api/v1/photos/{id}`; empty when there is none. */
  readonly route: string;
  readonly status: number;
  readonly durationUs: number;
}

/** One line of the list. */
export interface TraceSummary {
  readonly traceId: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** From the first beginning to the last end, later stages included. */
  readonly durationUs: number;
  /** Null for what the process did by itself. */
  readonly request: RequestView | null;
  /** Of the first span. */
  readonly name: string;
  readonly spans: number;
  readonly failed: number;
  /** Spans that have not ended yet. */
  readonly open: number;
  /** Spans that were not kept because the trace was full. */
  readonly left: number;
  /** Services in the order in which they came in, with their spans and the time in which these waited for no other. */
  readonly services: readonly { name: string; spans: number; selfUs: number }[];
}

/** One bar of the waterfall; times in microseconds, offsets from the beginning of the trace. */
export interface SpanView extends Omit<RecordedSpan, "startUs" | "events"> {
  readonly depth: number;
  readonly service: string;
  readonly offsetUs: number;
  readonly selfUs: number;
  /** Whether it decided when the trace ended. */
  readonly critical: boolean;
  /** The parent is not among the spans. */
  readonly orphan: boolean;
  readonly events: readonly { name: string; offsetUs: number; attributes: RecordedSpan["attributes"] }[];
}

/** A whole trace for the waterfall; spans stand below their parents. */
export interface TraceView extends Omit<TraceSummary, "spans"> {
  readonly spans: readonly SpanView[];
}

/** Sums up a trace. */
export function summarize(trace: RecordedTrace): TraceSummary {
  return summaryOf(trace, buildTrees(trace.spans));
}

/** A trace with all its spans. */
export function viewTrace(trace: RecordedTrace): TraceView {
  const trees = buildTrees(trace.spans);
  const critical = criticalPath(trees);
  const startUs = startOf(trees);
  return {
    ...summaryOf(trace, trees),
    spans: flatten(trees).map(({ node: { span, service, selfUs }, depth }) => {
      const { startUs: begin, events, ...rest } = span;
      return {
        ...rest,
        depth,
        service,
        offsetUs: begin - startUs,
        selfUs,
        critical: critical.has(span.spanId),
        orphan: depth === 0 && span.parentSpanId !== undefined,
        events: events.map(({ atUs, ...event }) => ({ ...event, offsetUs: atUs - startUs })),
      };
    }),
  };
}

function summaryOf({ traceId, spans, open, left }: RecordedTrace, trees: SpanNode[]): TraceSummary {
  const startUs = startOf(trees);
  const endUs = trees.reduce((last, { lastEndUs }) => Math.max(last, lastEndUs), startUs);
  const nodes = flatten(trees).map(({ node }) => node);
  const request = trees.map(({ span }) => requestOf(span)).find((each) => each !== null) ?? null;
  return {
    traceId,
    startedAt: new Date(startUs / 1000).toISOString(),
    durationUs: endUs - startUs,
    request,
    name: trees[0]?.span.name ?? "",
    spans: spans.length,
    failed: spans.filter(({ failed }) => failed).length,
    open,
    left,
    services: [...Map.groupBy(nodes, ({ service }) => service)].map(([name, own]) => ({
      name,
      spans: own.length,
      selfUs: own.reduce((sum, { selfUs }) => sum + selfUs, 0),
    })),
  };
}

function requestOf({ attributes, durationUs }: RecordedSpan): RequestView | null {
  const method = attributes["http.request.method"];
  if (typeof method !== "string") return null;
  return {
    method,
    route: String(attributes["http.route"] ?? ""),
    status: Number(attributes["http.response.status_code"] ?? 0),
    durationUs,
  };
}

function startOf(trees: readonly SpanNode[]): number {
  return trees[0]?.span.startUs ?? 0;
}

function flatten(nodes: readonly SpanNode[], depth = 0): { node: SpanNode; depth: number }[] {
  return nodes.flatMap((node) => [{ node, depth }, ...flatten(node.children, depth + 1)]);
}
