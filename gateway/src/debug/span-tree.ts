import type { RecordedSpan } from "@ocelli/chassis";
import { ownService, unknownService } from "./span-service.ts";

/** A span in its place in a trace. */
export interface SpanNode {
  readonly span: RecordedSpan;
  readonly service: string;
  readonly children: readonly SpanNode[];
  /** Microseconds since 1970. */
  readonly endUs: number;
  /** When the last span below it ended, which may be long after itself: consumers of an event come later. */
  readonly lastEndUs: number;
  /** Time in which none of its children ran. */
  readonly selfUs: number;
}

/**
 * The spans of one trace as trees, everything in order of beginning. A span whose parent is not there, because another
 * process has it or it has not ended, is a root.
 */
export function buildTrees(spans: readonly RecordedSpan[]): SpanNode[] {
  const known = new Set(spans.map(({ spanId }) => spanId));
  const byParent = Map.groupBy(spans, ({ parentSpanId = "" }) =>
    known.has(parentSpanId) ? parentSpanId : "",
  );
  const nodesBelow = (parentId: string, inherited: string): SpanNode[] =>
    (byParent.get(parentId) ?? [])
      .toSorted((a, b) => a.startUs - b.startUs)
      .map((span) => {
        const service = ownService(span) ?? inherited;
        return toNode(span, service, nodesBelow(span.spanId, service));
      });
  return nodesBelow("", unknownService);
}

function toNode(span: RecordedSpan, service: string, children: SpanNode[]): SpanNode {
  const endUs = span.startUs + span.durationUs;
  const lastEndUs = children.reduce((last, child) => Math.max(last, child.lastEndUs), endUs);
  return { span, service, children, endUs, lastEndUs, selfUs: selfTime(span, children) };
}

function selfTime({ startUs, durationUs }: RecordedSpan, children: readonly SpanNode[]): number {
  const endUs = startUs + durationUs;
  let covered = 0;
  let until = startUs;
  for (const child of children) {
    const from = Math.max(child.span.startUs, until);
    const to = Math.min(child.endUs, endUs);
    if (to > from) {
      covered += to - from;
      until = to;
    }
  }
  return durationUs - covered;
}

// Spans begin at whole milliseconds, so that one may seem to begin before the one that it waited for has ended.
const clockStepUs = 1000;

/**
 * The spans that decided when the last one ended: from the end backwards always the one that was waited for. Shortening
 * any other span would not have made the whole shorter.
 */
export function criticalPath(trees: readonly SpanNode[]): ReadonlySet<string> {
  const path = new Set<string>();
  const follow = (nodes: readonly SpanNode[], before: number) => {
    let cutoff = before;
    for (const node of nodes.toSorted((a, b) => b.lastEndUs - a.lastEndUs)) {
      // What still ran later was not waited for.
      if (node.lastEndUs > cutoff + clockStepUs || node.span.startUs >= cutoff) continue;
      path.add(node.span.spanId);
      follow(node.children, Math.min(cutoff, node.lastEndUs));
      cutoff = node.span.startUs;
    }
  };
  const end = trees.reduce((last, { lastEndUs }) => Math.max(last, lastEndUs), 0);
  follow(trees, end);
  return path;
}
