import type { MetricObjectWithValues, MetricValue } from "prom-client";

/** A reading of all metrics, as the library hands it out. */
export type Reading = readonly MetricObjectWithValues<MetricValue<string>>[];

const openMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const plain = "text/plain; version=0.0.4; charset=utf-8";

/**
 * Writes metrics for Prometheus: as OpenMetrics with exemplars for readers that ask for it, else in the older text
 * format. The library's own writer can do either, but renames every counter for good once it has done the former.
 */
export function exposition(reading: Reading, accept: string): { contentType: string; body: string } {
  const open = accepts(accept, "application/openmetrics-text");
  const lines = reading.flatMap((metric) => family(metric, open));
  if (open) lines.push("# EOF");
  return { contentType: open ? openMetrics : plain, body: `${lines.join("\n")}\n` };
}

function accepts(accept: string, type: string): boolean {
  return accept
    .toLowerCase()
    .split(",")
    .some((range) => {
      const [name = "", ...parameters] = range.split(";").map((part) => part.trim());
      return name === type && !parameters.some((each) => /^q=0(\.0*)?$/.test(each));
    });
}

// A family without a series is written, too: so a reader can tell "nothing yet" from "no such metric".
function family(metric: MetricObjectWithValues<MetricValue<string>>, open: boolean): string[] {
  // The typings name a number here; what arrives is the word.
  const type = String(metric.type);
  const base = type === "counter" ? metric.name.replace(/_total$/, "") : metric.name;
  const sample = type === "counter" ? `${base}_total` : base;
  const name = open ? base : sample;
  return [
    `# HELP ${name} ${metric.help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`,
    `# TYPE ${name} ${type}`,
    ...metric.values.map((value) => line(value, sample, open)),
  ];
}

interface Exemplar {
  labelSet: Record<string, string>;
  value: number;
  timestamp: number;
}

type Value = MetricValue<string> & { metricName?: string; exemplar?: Exemplar | null };

function line(value: Value, sample: string, open: boolean): string {
  const { exemplar } = value;
  const text = `${value.metricName ?? sample}${labelText(value.labels)} ${number(value.value)}`;
  if (!open || !exemplar) return text;
  return `${text} # ${labelText(exemplar.labelSet) || "{}"} ${number(exemplar.value)} ${exemplar.timestamp}`;
}

function labelText(labels: Partial<Record<string, string | number>>): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escapeText(String(value))}"`);
  return parts.length > 0 ? `{${parts.join(",")}}` : "";
}

function escapeText(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}

function number(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? "+Inf" : "-Inf";
}
