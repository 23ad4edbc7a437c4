import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { parse, stringify } from "yaml";

const sources = ["recording.yml", "alerts.yml"] as const;
const rulesFolder = join(import.meta.dirname, "../deploy/prometheus/rules");

/** Where {@link prometheusRules} belongs. */
export const rulesFile = join(import.meta.dirname, "components/monitoring/rules.yaml");

/** The rules of deploy/prometheus/rules as objects of the Prometheus Operator. */
export function prometheusRules(): string {
  const objects = sources.map((source) => ({
    apiVersion: "monitoring.coreos.com/v1",
    kind: "PrometheusRule",
    metadata: {
      name: `ocelli-${basename(source, ".yml")}`,
      labels: { "app.kubernetes.io/part-of": "ocelli" },
    },
    spec: parse(readFileSync(join(rulesFolder, source), "utf8")),
  }));
  const documents = objects.map((object) => stringify(object, { lineWidth: 0 }));
  return `# Written by \`node k8s/write-rules.ts\` from deploy/prometheus/rules; change those.\n${documents.join("---\n")}`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  writeFileSync(rulesFile, prometheusRules());
