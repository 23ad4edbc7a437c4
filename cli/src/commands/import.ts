import { stat } from "node:fs/promises";
import { SingleBar } from "cli-progress";
import { type Command, Option } from "commander";
import { openAlbum } from "../import/album.ts";
import { createApi } from "../import/api.ts";
import { findImages, type PassedOver } from "../import/find-images.ts";
import { type FileOutcome, importFiles } from "../import/import-files.ts";
import { watchFolder } from "../import/watch-folder.ts";
import { StartupError } from "../startup-error.ts";

interface ImportCommandOptions {
  url: string;
  apiKey?: string;
  album?: string;
  watch?: boolean;
  concurrency: string;
  dryRun?: boolean;
}

// What one question about hashes may name.
const batchSize = 500;
const mostFailures = 1_000;

/** Adds `ocelli import`: sends the pictures of a folder to a running Ocelli, those that it lacks. */
export function addImportCommand(program: Command): void {
  program
    .command("import")
    .description("send the pictures of a folder to a running Ocelli; what is there already is not sent again")
    .argument("<folder>", "searched with all folders below; symbolic links are not followed")
    // As variables, not as defaults: the help shows defaults, and a key is a secret.
    .addOption(
      new Option("--url <url>", "a running Ocelli").env("OCELLI_URL").default("http://localhost:8080"),
    )
    .addOption(
      new Option("--api-key <key>", "API key with photos:read and photos:write").env("OCELLI_API_KEY"),
    )
    .option("--album <name>", "album to put them into; made where there is none")
    .option("--watch", "stay, and send what comes into the folder later")
    .option("--concurrency <n>", "files sent at once", "4")
    .option("--dry-run", "only say what would be sent")
    .action(async (folder: string, options: ImportCommandOptions) => {
      process.exitCode = await runImport(folder, options);
    });
}

interface Totals {
  counts: Record<FileOutcome["outcome"], number>;
  failures: FileOutcome[];
}

async function runImport(folder: string, options: ImportCommandOptions): Promise<number> {
  const concurrency = parseConcurrency(options.concurrency);
  const { apiKey } = options;
  if (!apiKey) throw new StartupError("an API key is needed: OCELLI_API_KEY or --api-key");
  if (!URL.canParse(options.url)) throw new StartupError(`${options.url} is no URL`);
  const found = await stat(folder).catch(() => undefined);
  if (!found?.isDirectory()) throw new StartupError(`${folder} is no folder`);
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
  const { signal } = stop;
  const api = createApi({ url: options.url, apiKey, signal });
  const passed: PassedOver = { others: 0, symlinks: 0, unreadable: [] };
  const totals: Totals = { counts: { sent: 0, known: 0, failed: 0, "would-send": 0 }, failures: [] };
  const bar = process.stderr.isTTY
    ? new SingleBar({ format: "{bar} {value}/{total} {eta_formatted}" })
    : undefined;
  const onOutcome = (outcome: FileOutcome) => note(totals, outcome, bar);
  let isStopped = false;
  try {
    const dryRun = options.dryRun ?? false;
    const albumId = options.album === undefined || dryRun ? undefined : await openAlbum(api, options.album);
    const shared = { api, albumId, concurrency, dryRun, signal, onOutcome };
    const send = (paths: string[]) => importFiles(shared, paths);
    const onReady = () => console.error(`watching ${folder}; Ctrl-C ends it`);
    await Promise.all([
      importAll(folder, passed, bar, send),
      options.watch ? watchFolder(folder, signal, send, onReady) : undefined,
    ]);
  } catch (error) {
    if (!signal.aborted) {
      stop.abort();
      throw error;
    }
    isStopped = !options.watch;
  } finally {
    bar?.stop();
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
  report(totals, passed, isStopped);
  if (isStopped) return 130;
  return totals.counts.failed + passed.unreadable.length > 0 ? 1 : 0;
}

async function importAll(
  folder: string,
  passed: PassedOver,
  bar: SingleBar | undefined,
  send: (paths: string[]) => Promise<void>,
): Promise<void> {
  bar?.start(0, 0);
  let batch: string[] = [];
  let total = 0;
  for await (const path of findImages(folder, passed)) {
    batch.push(path);
    bar?.setTotal(++total);
    if (batch.length < batchSize) continue;
    await send(batch);
    batch = [];
  }
  await send(batch);
}

function note({ counts, failures }: Totals, outcome: FileOutcome, bar: SingleBar | undefined): void {
  counts[outcome.outcome] += 1;
  if (outcome.outcome === "failed" && failures.length < mostFailures) failures.push(outcome);
  if (bar) bar.increment();
  else console.log(lineOf(outcome));
}

function report({ counts, failures }: Totals, passed: PassedOver, isStopped: boolean): void {
  for (const failure of failures) console.error(lineOf(failure));
  for (const each of passed.unreadable) console.error(`failed      ${printable(each)}: cannot be read`);
  const parts = [
    counts["would-send"] > 0 ? `${counts["would-send"]} would be sent` : `${counts.sent} sent`,
    `${counts.known} there already`,
    `${counts.failed} failed`,
    `${passed.others} no pictures`,
    `${passed.symlinks} links passed over`,
  ];
  console.log(`${isStopped ? "stopped: " : ""}${parts.join(", ")}`);
}

function lineOf({ outcome, path, reason }: FileOutcome): string {
  return `${outcome.padEnd(10)}  ${printable(path)}${reason === "" ? "" : `: ${printable(reason)}`}`;
}

/** What a file is called must not reach the terminal as a control. */
function printable(text: string): string {
  return text.replace(/\p{C}/gu, "?");
}

function parseConcurrency(text: string): number {
  const concurrency = Number(text);
  if (Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= 32) return concurrency;
  throw new StartupError("--concurrency must be a whole number from 1 to 32");
}
