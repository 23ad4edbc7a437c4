import type { Query } from "./panels.ts";

const window = "$__rate_interval";

/** How often per second something is counted, by some labels. */
export function rate(counter: string, by: string, matchers = ""): Query {
  const selector = matchers === "" ? counter : `${counter}{${matchers}}`;
  return by === ""
    ? { expr: `sum(rate(${selector}[${window}]))`, legend: counter }
    : { expr: `sum by (${by}) (rate(${selector}[${window}]))`, legend: legendOf(by) };
}

/** The 50th, 95th and 99th percentile of a histogram over everything. */
export function percentiles(histogram: string, matchers = ""): Query[] {
  return [0.5, 0.95, 0.99].map((quantile) => ({
    ...percentile(histogram, "", quantile, matchers),
    legend: `p${quantile * 100}`,
  }));
}

/** One percentile of a histogram by some labels. */
export function percentile(histogram: string, by: string, quantile = 0.95, matchers = ""): Query {
  const labels = by === "" ? "le" : `${by}, le`;
  const selector = matchers === "" ? "" : `{${matchers}}`;
  return {
    expr: `histogram_quantile(${quantile}, sum by (${labels}) (rate(${histogram}_bucket${selector}[${window}])))`,
    legend: legendOf(by),
    exemplars: true,
  };
}

/** The largest value of a gauge by some labels: what replicas read of one queue or store is one thing. */
export function largest(gauge: string, by: string): Query {
  return { expr: `max by (${by}) (${gauge})`, legend: legendOf(by) };
}

/** The sum of a gauge over all processes. */
export function total(gauge: string, by: string): Query {
  return by === ""
    ? { expr: `sum(${gauge})`, legend: "all" }
    : { expr: `sum by (${by}) (${gauge})`, legend: legendOf(by) };
}

function legendOf(by: string): string {
  return by
    .split(", ")
    .map((label) => `{{${label}}}`)
    .join(" ");
}
