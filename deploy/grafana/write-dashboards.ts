import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { dashboards } from "./source/dashboards.ts";
import { toGrafana } from "./source/panels.ts";

// Writes the dashboards for Grafana; with --check it only compares and fails when they differ.

const folder = fileURLToPath(new URL("dashboards/", import.meta.url));

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/** As the formatter of this repository writes JSON: lists of plain values stand in one line. */
function toText(value: object): string {
  const text = JSON.stringify(value, undefined, 2);
  const list = /\[\n\s+((?:"[^"\n]*"|\d+)(?:,\n\s+(?:"[^"\n]*"|\d+))*)\n\s+\]/g;
  return `${text.replaceAll(list, (_, items: string) => `[${items.replaceAll(/\n\s+/g, " ")}]`)}\n`;
}

mkdirSync(folder, { recursive: true });
for (const dashboard of dashboards) {
  const file = `${folder}${dashboard.uid}.json`;
  const wanted = toText(toGrafana(dashboard));
  if (!process.argv.includes("--check")) {
    writeFileSync(file, wanted);
  } else if (read(file) !== wanted) {
    console.error(`${file} is not what its source says; run \`node deploy/grafana/write-dashboards.ts\``);
    process.exitCode = 1;
  }
}
