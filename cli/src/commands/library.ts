import { join } from "node:path";
import { createLogger, loadSettings } from "@ocelli/chassis";
import type { VerifyReport } from "@ocelli/library";
import { SingleBar } from "cli-progress";
import type { Command } from "commander";
import { formatColumns } from "../columns.ts";
import { settings } from "../config.ts";
import { Releases } from "../releases.ts";
import { databaseOption, openServiceStore } from "../service-store.ts";
import { StartupError } from "../startup-error.ts";

interface VerifyCommandOptions {
  database?: string;
  repair?: boolean;
  json?: boolean;
  concurrency: string;
}

const mostLines = 100;

/** Adds `ocelli library`: looking after what is stored. */
export function addLibraryCommand(program: Command): void {
  const library = program.command("library").description("look after stored photos");
  library
    .command("verify")
    .description(
      "read every original and compare files with the database; exit code 1 when something stays wrong",
    )
    .option(databaseOption.flags, databaseOption.description)
    .option("--repair", "make lost renditions again, remove files and rows that belong to nobody")
    .option("--json", "print the whole report as JSON")
    .option("--concurrency <n>", "originals read at once", "4")
    .action(async (options: VerifyCommandOptions) => {
      const report = await verify(options);
      console.log(options.json ? JSON.stringify(report, null, 2) : describe(report));
      // A report may be long; leaving is for the end of its own accord.
      process.exitCode = report.isSound ? 0 : 1;
    });
}

async function verify(options: VerifyCommandOptions): Promise<VerifyReport> {
  const concurrency = Number(options.concurrency);
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 64)
    throw new StartupError("--concurrency must be a whole number from 1 to 64");
  const { verifyLibrary, verifySettings } = await import("@ocelli/library");
  const releases = new Releases();
  const stop = new AbortController();
  const onSignal = () => stop.abort(new StartupError("stopped before the end"));
  process.once("SIGINT", onSignal);
  releases.add(() => process.off("SIGINT", onSignal));
  const bar = openBar(options);
  releases.add(() => bar?.stop());
  try {
    const { dataDir } = loadSettings({ dataDir: settings.dataDir }, process.env);
    // As `ocelli up` has it.
    const LIBRARY_DATA = process.env.LIBRARY_DATA?.trim() || join(dataDir, "blobs");
    const config = loadSettings(verifySettings, { ...process.env, LIBRARY_DATA });
    const { database } = options;
    const databaseUrl = await openServiceStore({ service: "library", database, env: process.env, releases });
    return await verifyLibrary({
      databaseUrl,
      config,
      log: createLogger({
        level: "error",
        format: "json",
        destination: { write: (line: string) => void process.stderr.write(line) },
      }),
      now: () => new Date(),
      repair: options.repair ?? false,
      concurrency,
      signal: stop.signal,
      onProgress(checked, images) {
        bar?.setTotal(images);
        bar?.update(checked);
      },
    });
  } finally {
    await releases.run();
  }
}

function openBar({ json }: VerifyCommandOptions): SingleBar | undefined {
  if (json || !process.stderr.isTTY) return undefined;
  const bar = new SingleBar({
    format: "{bar} {value}/{total} photos, {eta_formatted} left",
    stream: process.stderr,
  });
  bar.start(0, 0);
  return bar;
}

function describe(report: VerifyReport): string {
  const { images, files, bytes, counts, findings } = report;
  const left = findings.filter(({ isRepaired }) => !isRepaired);
  const rows = left.slice(0, mostLines).map(({ kind, sha256, detail }) => [kind, sha256, detail]);
  if (left.length > mostLines) rows.push([`… and ${left.length - mostLines} more (--json lists them)`]);
  const wrong = Object.entries(counts).filter(([, { found }]) => found > 0);
  const summary = wrong.map(([kind, { found, repaired }]) => `${kind}: ${found} found, ${repaired} repaired`);
  const read = `${images} images, ${files} files, ${(bytes / 1e6).toFixed(1)} MB of originals read`;
  return [
    ...(rows.length > 0 ? [formatColumns(rows)] : []),
    read,
    ...summary,
    report.isSound ? "all is well" : "not all is well",
  ].join("\n");
}
