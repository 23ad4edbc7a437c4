import { isSpanContextValid, type SpanContext, TraceFlags, trace } from "@opentelemetry/api";
import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type OpenMetricsContentType,
  Registry,
} from "prom-client";
import { exposition } from "./exposition.ts";
import type { MetricSpec } from "./metric-spec.ts";
import { metricSpecs } from "./names.ts";
import { createSampling, type Sample } from "./sampling.ts";

/** A histogram as the code sees it. */
export interface Measure<Label extends string> {
  /**
   * Counts one value. Where the registry asks for exemplars, the bucket names the trace of `span`, by default of the
   * active one, if that is sampled.
   */
  observe(labels: Readonly<Record<Label, string>>, value: number, span?: SpanContext): void;
}

type Specs = typeof metricSpecs;

type MetricOf<Spec> =
  Spec extends MetricSpec<infer Type, infer Label>
    ? { counter: Counter<Label>; gauge: Gauge<Label>; histogram: Measure<Label> }[Type]
    : never;

/** The metrics of one process, one for every entry of {@link metricSpecs}. */
export type Metrics = { readonly [Key in keyof Specs]: MetricOf<Specs[Key]> } & {
  /**
   * Adds something that sets gauges before they are read; it is asked at most every two seconds, and a slow one is not
   * waited for. Returns how to take it away again.
   */
  onScrape(sample: Sample): () => void;
  /** All metrics, Node's own statistics included, in the newest format that the `Accept` header of the reader allows. */
  expose(accept?: string): Promise<{ contentType: string; body: string }>;
};

/** Creates the metrics of one process, process statistics included. */
export function createMetrics(): Metrics {
  // Exemplars exist in this format only; what is written for older readers leaves them out.
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  collectDefaultMetrics({ register: registry });
  const entries = Object.entries(metricSpecs).map(([key, spec]) => [key, createMetric(spec, registry)]);
  // Every key got the metric that its own entry describes.
  const own = Object.fromEntries(entries) as { [Key in keyof Specs]: MetricOf<Specs[Key]> };
  const sampling = createSampling(() => own.sampleFailures.inc());
  return {
    ...own,
    onScrape: sampling.add,
    async expose(accept = "") {
      await sampling.run();
      return exposition(await registry.getMetricsAsJSON(), accept);
    },
  };
}

function createMetric(spec: MetricSpec, registry: Registry<OpenMetricsContentType>) {
  const base = {
    name: spec.name,
    help: spec.help,
    labelNames: Object.keys(spec.labels),
    registers: [registry],
  };
  if (spec.type === "counter") return new Counter(base);
  if (spec.type === "gauge") return new Gauge(base);
  const buckets = [...(spec.buckets ?? [])];
  if (spec.exemplars) return withExemplars(new Histogram({ ...base, buckets, enableExemplars: true }));
  const histogram = new Histogram({ ...base, buckets });
  return { observe: (labels: Record<string, string>, value: number) => histogram.observe(labels, value) };
}

function withExemplars(histogram: Histogram): Measure<string> {
  return {
    observe(labels, value, span = trace.getActiveSpan()?.spanContext()) {
      const sampled =
        span !== undefined && isSpanContextValid(span) && (span.traceFlags & TraceFlags.SAMPLED) !== 0;
      const exemplarLabels = sampled ? { trace_id: span.traceId } : {};
      histogram.observe({ labels, value, exemplarLabels });
    },
  };
}
