import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  attributeSpecs,
  type LabelValues,
  type MetricSpec,
  metricSpecs,
  spanSpecs,
} from "../packages/chassis/src/index.ts";

// Writes the tables of metrics and spans from the registry; with --check it only compares and fails when they differ.

const file = fileURLToPath(new URL("../docs/telemetry.md", import.meta.url));
const begin = "<!-- written by `node scripts/write-telemetry-docs.ts` -->";
const end = "<!-- end of what is written -->";

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function label([name, values]: [string, LabelValues]): string {
  return `\`${name}\` (${"max" in values ? values.kind : values.join(", ")})`;
}

function metricRow({ name, type, labels, help, exemplars }: MetricSpec): string {
  const shown = Object.entries<LabelValues>(labels).map(label).join("; ");
  return `| \`${name}\` | ${type}${exemplars ? ", exemplars" : ""} | ${cell(shown)} | ${cell(help)} |`;
}

const tables = [
  "| metric | type | labels | meaning |",
  "| --- | --- | --- | --- |",
  ...Object.values<MetricSpec>(metricSpecs).map(metricRow),
  "",
  "| span | kind | meaning |",
  "| --- | --- | --- |",
  ...spanSpecs.map(({ name, kind, help }) => `| \`${name}\` | ${kind} | ${cell(help)} |`),
  "",
  "| attribute | value |",
  "| --- | --- |",
  ...Object.entries(attributeSpecs).map(([name, help]) => `| \`${name}\` | ${cell(help)} |`),
].join("\n");

const document = readFileSync(file, "utf8");
const from = document.indexOf(begin);
const to = document.indexOf(end);
if (from < 0 || to < from) throw new Error(`${file} lacks the marks between which the tables stand`);
const wanted = `${document.slice(0, from)}${begin}\n\n${tables}\n\n${document.slice(to)}`;
if (!process.argv.includes("--check")) {
  writeFileSync(file, wanted);
} else if (document !== wanted) {
  console.error(`${file} is not what the code says; run \`node scripts/write-telemetry-docs.ts\``);
  process.exitCode = 1;
}
