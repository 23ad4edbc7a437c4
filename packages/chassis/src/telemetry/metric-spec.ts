/** What a label may hold: exactly these values, or values of a kind of which there are at most `max`. */
export type LabelValues = readonly string[] | { readonly kind: string; readonly max: number };

/** One metric as the registry describes it. */
export interface MetricSpec<Type extends MetricType = MetricType, Label extends string = string> {
  /** With the prefix `ocelli_` and the unit at its end, as Prometheus wants it. */
  readonly name: string;
  readonly type: Type;
  /** `1` for plain numbers. */
  readonly unit: "seconds" | "bytes" | "1";
  readonly labels: Readonly<Record<Label, LabelValues>>;
  /** One sentence for the exposition and the documents. */
  readonly help: string;
  /** Upper bounds of a histogram. */
  readonly buckets?: readonly number[];
  /** True when a bucket names the trace of its last measurement. */
  readonly exemplars?: boolean;
}

/** Kinds of metrics. */
export type MetricType = "counter" | "gauge" | "histogram";

/** From a fast cache hit to a heavy model on a busy machine. */
const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

type Labels<Label extends string> = Readonly<Record<Label, LabelValues>>;

/** A histogram of durations whose buckets carry exemplars. */
export function duration<const Label extends string>(
  name: string,
  labels: Labels<Label>,
  help: string,
  buckets: readonly number[] = secondsBuckets,
): MetricSpec<"histogram", Label> {
  return { name, type: "histogram", unit: "seconds", labels, help, buckets, exemplars: true };
}

/** A histogram of durations that are measured where no trace is, or those of many. */
export function sharedDuration<const Label extends string>(
  name: string,
  labels: Labels<Label>,
  help: string,
): MetricSpec<"histogram", Label> {
  return { name, type: "histogram", unit: "seconds", labels, help, buckets: secondsBuckets };
}

/** A histogram of plain numbers. */
export function sizes<const Label extends string>(
  name: string,
  labels: Labels<Label>,
  help: string,
  buckets: readonly number[],
): MetricSpec<"histogram", Label> {
  return { name, type: "histogram", unit: "1", labels, help, buckets };
}

/** A number that only grows. */
export function counter<const Label extends string>(
  name: string,
  labels: Labels<Label>,
  help: string,
): MetricSpec<"counter", Label> {
  return { name, type: "counter", unit: unitOf(name), labels, help };
}

/** A number that goes up and down. */
export function gauge<const Label extends string>(
  name: string,
  labels: Labels<Label>,
  help: string,
): MetricSpec<"gauge", Label> {
  return { name, type: "gauge", unit: unitOf(name), labels, help };
}

function unitOf(name: string): "seconds" | "bytes" | "1" {
  if (/_seconds(_total)?$/.test(name)) return "seconds";
  return /_bytes(_total)?$/.test(name) ? "bytes" : "1";
}
