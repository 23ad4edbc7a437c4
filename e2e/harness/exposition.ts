/** One series of a scrape. */
export interface Series {
  /** With the suffix of histograms, as `ocelli_http_seconds_bucket`. */
  name: string;
  labels: Record<string, string>;
  value: number;
  /** Trace of the exemplar. */
  exemplar: string | undefined;
}

/** A scrape, read. */
export interface Scrape {
  /** Types by family. */
  types: Map<string, string>;
  series: Series[];
}

/**
 * Reads what a process shows to Prometheus, in either of its formats.
 * @throws Error at a line that is in neither.
 */
export function parseExposition(text: string): Scrape {
  const types = new Map<string, string>();
  const series: Series[] = [];
  for (const line of text.split("\n")) {
    const [, family = "", type = ""] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (family) types.set(family, type);
    if (line === "" || line.startsWith("#")) continue;
    series.push(parseSeries(line));
  }
  return { types, series };
}

const pattern =
  /^([a-zA-Z_:][\w:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})? (\S+)(?: # \{trace_id="([0-9a-f]{32})"\} \S+ \S+)?$/;

function parseSeries(line: string): Series {
  const match = pattern.exec(line);
  if (!match) throw new Error(`not a line of an exposition: ${line}`);
  const [, name = "", inner = "", value = "", exemplar] = match;
  const pairs = inner.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g);
  const labels = Object.fromEntries([...pairs].map(([, label = "", text = ""]) => [label, text]));
  return { name, labels, value: Number(value.replace("Inf", "Infinity")), exemplar };
}
