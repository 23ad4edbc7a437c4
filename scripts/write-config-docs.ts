import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { settings as processSettings } from "../cli/src/config.ts";
import { settings as gateway } from "../gateway/src/config.ts";
import { describeSettings, type Settings } from "../packages/chassis/src/index.ts";
import { settings as auth } from "../services/auth/src/config.ts";
import { settings as captioning } from "../services/captioning/src/config.ts";
import { settings as face } from "../services/face/src/config.ts";
import { settings as library } from "../services/library/src/config.ts";
import { settings as scene } from "../services/scene/src/config.ts";
import { settings as search } from "../services/search/src/config.ts";
import { withAccessTable } from "./access-table.ts";

// Writes the tables of settings and of access from the code; with --check it only compares and fails when they differ.

const configurationFile = fileURLToPath(new URL("../docs/configuration.md", import.meta.url));

const groups: [string, string, Settings][] = [
  ["Process", "`ocelli up` and every `ocelli serve`.", processSettings],
  ["Gateway", "HTTP.", gateway],
  ["Auth", "Accounts, sessions, keys.", auth],
  ["Library", "Photos and their bytes.", library],
  ["Captioning", "Captions and text in photos.", captioning],
  ["Face", "Faces.", face],
  ["Scene", "Scenes, tags, objects, colours.", scene],
  ["Search", "Search.", search],
];

/** Settings named before are not repeated: a process has one environment. */
function table(settings: Settings, seen: Set<string>): string {
  const rows = describeSettings(settings).filter(({ env }) => !seen.has(env));
  for (const { env } of rows) seen.add(env);
  const lines = rows.map(
    (row) =>
      `| \`${row.env}\`${row.confidential ? " †" : ""} | ${row.default} | ${row.doc.replaceAll("|", "\\|")} |`,
  );
  return ["| variable | default | meaning |", "| --- | --- | --- |", ...lines].join("\n");
}

function render(): string {
  const seen = new Set<string>();
  const sections = groups.map(
    ([title, what, settings]) => `## ${title}\n\n${what}\n\n${table(settings, seen)}`,
  );
  const intro = [
    "# Configuration",
    "",
    "Settings are environment variables. Sizes are written like `50mb` or `64kib`, durations like `30s` or `10m`.",
    "All wrong settings are named at once, in one line, and nothing starts. `ocelli up` makes the secrets and addresses",
    "of its services itself; they only matter for `ocelli serve`.",
    "",
    "† may come from a file instead: `NAME_FILE` is its path, white space at its ends is dropped. Both set, or a file that is",
    "missing, empty, larger than 64 KiB or not text, is a wrong setting. Files are read at the start.",
    "",
    "This file is written by `npm run docs:config` from the code that reads the settings.",
  ].join("\n");
  return `${intro}\n\n${sections.join("\n\n")}\n`;
}

const accessFile = fileURLToPath(new URL("../docs/access.md", import.meta.url));

const documents = [
  { file: configurationFile, wanted: render() },
  { file: accessFile, wanted: withAccessTable(readFileSync(accessFile, "utf8")) },
];
for (const { file, wanted } of documents) {
  if (!process.argv.includes("--check")) {
    writeFileSync(file, wanted);
  } else if (readFileSync(file, "utf8") !== wanted) {
    console.error(`${file} is not what the code says; run \`npm run docs:config\``);
    process.exitCode = 1;
  }
}
