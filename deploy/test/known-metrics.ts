import { createMetrics, metricSpecs } from "@ocelli/chassis";

/** Names of series and the labels that they carry. */
export type KnownMetrics = ReadonlyMap<string, ReadonlySet<string>>;

/** What Prometheus itself adds to every series. */
export const targetLabels = ["job", "instance"];

/** Every series that a process of Ocelli can show, Node's own included, with its labels. */
export async function knownMetrics(): Promise<KnownMetrics> {
  const known = new Map<string, ReadonlySet<string>>();
  const { body } = await createMetrics().expose();
  for (const [, family = "", type = ""] of body.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    const spec = Object.values(metricSpecs).find(({ name }) => name === family);
    const labels = [...Object.keys(spec?.labels ?? {}), ...targetLabels];
    if (type !== "histogram") known.set(family, new Set(labels));
    else {
      for (const part of ["count", "sum"]) known.set(`${family}_${part}`, new Set(labels));
      known.set(`${family}_bucket`, new Set([...labels, "le"]));
    }
  }
  known.set("up", new Set(targetLabels));
  known.set("ALERTS", new Set(["alertname", "alertstate"]));
  return known;
}
