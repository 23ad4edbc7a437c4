import { loadSettings } from "@ocelli/chassis";
import { SingleBar } from "cli-progress";
import { type Command, Option } from "commander";
import { engineSettings } from "../config.ts";
import { explain } from "../explain.ts";
import { formatReport, type PictureReport } from "../picture-report.ts";
import { StartupError } from "../startup-error.ts";

interface AnalyzeOptions {
  json?: boolean;
  server?: string;
  token?: string;
}

interface Analyzer {
  analyze(file: string): Promise<PictureReport>;
  close(): Promise<void>;
}

/** Files in hand at once: enough to keep decoding and models busy at the same time. */
const concurrency = 2;

/** Adds `ocelli analyze`: prints what Ocelli sees, by a running server or in this process. */
export function addAnalyzeCommand(program: Command): void {
  program
    .command("analyze")
    .description("print what Ocelli sees in pictures; without --server no server is needed")
    .argument("<files...>", "picture files")
    .option("--json", "one JSON object per line")
    // As variables, not as defaults: the help shows defaults, and a token is a secret.
    .addOption(new Option("--server <url>", "a running Ocelli").env("OCELLI_URL"))
    .addOption(new Option("--token <token>", "access token for it").env("OCELLI_TOKEN"))
    .action(async (files: string[], options: AnalyzeOptions) => {
      const analyzer = await openAnalyzer(options);
      try {
        process.exitCode = (await analyzeAll(analyzer, files, options.json ?? false)) > 0 ? 1 : 0;
      } finally {
        await analyzer.close();
      }
    });
}

async function openAnalyzer({ server, token }: AnalyzeOptions): Promise<Analyzer> {
  if (server) {
    if (!token) throw new StartupError("a server needs an access token: --token or OCELLI_TOKEN");
    const { analyzeOnServer } = await import("../analyze-remote.ts");
    return { analyze: (file) => analyzeOnServer({ url: server, token }, file), close: async () => undefined };
  }
  const { openEngine } = await import("../engine.ts");
  const { analyzeFile } = await import("../analyze-local.ts");
  const engine = await openEngine(loadSettings(engineSettings, process.env));
  return { analyze: (file) => analyzeFile(engine, file), close: () => engine.close() };
}

/** Analyses all files, printing reports in the order given; returns how many failed. */
async function analyzeAll(analyzer: Analyzer, files: string[], json: boolean): Promise<number> {
  const bar =
    files.length > 1 && process.stderr.isTTY
      ? new SingleBar({ format: "{bar} {value}/{total} {eta_formatted}" })
      : undefined;
  bar?.start(files.length, 0);
  let failed = 0;
  let next = 0;
  const done = new Map<number, () => void>();
  let printed = 0;
  const worker = async () => {
    for (let index = next++; index < files.length; index = next++) {
      const file = files[index] ?? "";
      const print = await analyzer.analyze(file).then(
        (report) => () => console.log(json ? JSON.stringify(report) : formatReport(report)),
        (error: unknown) => {
          failed += 1;
          return () => printFailure(file, error, json);
        },
      );
      done.set(index, print);
      bar?.increment();
      for (let ready = done.get(printed); ready && !bar; ready = done.get(printed)) {
        ready();
        done.delete(printed++);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, files.length) }, worker));
  bar?.stop();
  for (const [, print] of [...done].sort(([a], [b]) => a - b)) print();
  return failed;
}

function printFailure(file: string, error: unknown, json: boolean): void {
  const message = explain(error);
  if (json) console.log(JSON.stringify({ file, error: message }));
  else console.error(`${file}: ${message.replace(`${file}: `, "")}`);
}
