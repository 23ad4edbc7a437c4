import { setTimeout as delay } from "node:timers/promises";
import type { IndexModelReport, IndexOperator } from "@ocelli/search";
import { SingleBar } from "cli-progress";
import type { Command } from "commander";
import { formatColumns } from "../columns.ts";
import { settings } from "../config.ts";
import { Releases } from "../releases.ts";
import { databaseOption, openServiceStore } from "../service-store.ts";
import { watchStandstill } from "../standstill.ts";
import { StartupError } from "../startup-error.ts";

interface StoreOptions {
  database?: string;
}

/** How a command waits for what the service does. */
export interface Patience {
  /** Milliseconds between looks. */
  watchMs: number;
  /** Milliseconds after which it gives up when nothing has moved. */
  limitMs: number;
}

// The service fills a few photos per second, and begins within two.
const patient: Patience = { watchMs: 1_000, limitMs: 30_000 };

/** Adds `ocelli search`: the index behind the search. */
export function addSearchCommand(program: Command): void {
  const search = program.command("search").description("look after the search index");
  const reindex = search.command("reindex").description("search by another model, without a pause");
  withDatabase(reindex)
    .option(
      "--model <id>",
      "fill this model of the manifest beside the one that answers; the service does it",
    )
    .option("--no-wait", "do not wait until it is filled")
    .action(({ model, wait, ...store }: StoreOptions & { model?: string; wait: boolean }) => {
      if (model === undefined)
        throw new StartupError("name a model (--model), or say models, activate, compare or drop");
      return withIndex(store, (operator) => fill(operator, model, wait));
    });
  withDatabase(reindex.command("models"))
    .description("list the models with vectors")
    .action((_options: unknown, command: Command) =>
      withIndex(command.optsWithGlobals(), async (operator) => print(await operator.list())),
    );
  addModelCommand(reindex, "activate", "let a filled model answer", async (operator, model) =>
    print([await operator.activate(model)]),
  );
  addModelCommand(
    reindex,
    "drop",
    "delete the vectors of a model that does not answer",
    async (operator, model) => {
      await operator.drop(model);
      console.log(`dropped ${model}`);
    },
  );
  addModelCommand(reindex, "compare", "compare the neighbours by a model with the active one's", compare);
  withDatabase(search.command("rebuild"))
    .description("build every document anew from what the other services hold; the service does it")
    .option("--no-wait", "do not wait until it is done")
    .action(({ wait, ...store }: StoreOptions & { wait: boolean }) =>
      withIndex(store, (operator) => rebuild(operator, wait)),
    );
}

/** Asks for a rebuild and waits for its end. @throws StartupError when it fails, and when no service takes it up. */
export async function rebuild(
  operator: Pick<IndexOperator, "startRebuild" | "rebuildState">,
  wait: boolean,
  { watchMs, limitMs } = patient,
): Promise<void> {
  let state = await operator.startRebuild();
  if (!wait) return console.log("the service begins within seconds");
  const standsStill = watchStandstill(limitMs);
  try {
    while (state.running) {
      await delay(watchMs);
      const { pulse, ...now } = await operator.rebuildState();
      state = now;
      if (standsStill([pulse, now.documents, now.removed].join())) throw nothingMoves(limitMs);
      if (process.stderr.isTTY) process.stderr.write(`\r${state.documents} documents`);
    }
  } finally {
    if (process.stderr.isTTY) process.stderr.write("\r");
  }
  if (state.error) throw new StartupError(`the rebuild was given up: ${state.error}`);
  console.log(`${state.documents} documents built, ${state.removed} removed`);
}

function addModelCommand(
  reindex: Command,
  name: string,
  description: string,
  run: (operator: IndexOperator, model: string) => Promise<void>,
): void {
  withDatabase(reindex.command(name))
    .description(description)
    .argument("<model>", "id and version, as `ocelli search reindex models` lists it")
    .action((model: string, _options: unknown, command: Command) =>
      withIndex(command.optsWithGlobals(), (operator) => run(operator, model)),
    );
}

function withDatabase(command: Command): Command {
  return command.option(databaseOption.flags, databaseOption.description);
}

/** By the rules of the service, on its store directly: who may read the store needs no password. */
async function withIndex(
  { database }: StoreOptions,
  work: (operator: IndexOperator) => Promise<void>,
): Promise<void> {
  const [{ openIndexOperator }, { loadSettings, createLogger }, { createEngine, loadManifest }] =
    await Promise.all([import("@ocelli/search"), import("@ocelli/chassis"), import("@ocelli/inference")]);
  const releases = new Releases();
  try {
    const { models } = loadSettings({ models: settings.models }, process.env);
    const databaseUrl = await openServiceStore({ service: "search", database, env: process.env, releases });
    // Nothing is run: it only knows which models there are.
    const manifest = loadManifest(models);
    const engine = createEngine({ manifest, workers: 1, threadsPerWorker: 1, queueLimit: 1 });
    releases.add(() => engine.close());
    const log = createLogger({ level: "silent", format: "json" });
    const operator = await openIndexOperator({ databaseUrl, engine, log });
    releases.add(() => operator.close());
    await work(operator);
  } finally {
    await releases.run();
  }
}

/** Asks for a model to be filled and waits until it is. @throws StartupError when it is dropped, and when no service fills it. */
export async function fill(
  operator: Pick<IndexOperator, "start" | "list">,
  modelId: string,
  wait: boolean,
  { watchMs, limitMs } = patient,
): Promise<void> {
  let report = await operator.start(modelId);
  const bar = wait ? openBar(report) : undefined;
  const standsStill = watchStandstill(limitMs);
  try {
    while (wait && report.state === "filling") {
      await delay(watchMs);
      const now = (await operator.list()).find(({ model }) => model === report.model);
      if (!now) throw new StartupError(`${report.model} was dropped`);
      report = now;
      if (standsStill([now.state, now.filled, now.failed].join())) throw nothingMoves(limitMs);
      bar?.setTotal(report.total);
      bar?.update(report.filled + report.failed);
    }
  } finally {
    bar?.stop();
  }
  print([report]);
  if (report.state === "ready") console.log(`next: ocelli search reindex activate ${report.model}`);
}

function nothingMoves(limitMs: number): StartupError {
  return new StartupError(
    `nothing has moved for ${limitMs / 1_000} s: is the service running? It takes up what was asked for once it is`,
  );
}

function openBar({ total, filled, failed }: IndexModelReport): SingleBar | undefined {
  if (!process.stderr.isTTY) return undefined;
  const bar = new SingleBar({
    format: "{bar} {value}/{total} photos, {eta_formatted} left",
    stream: process.stderr,
  });
  bar.start(total, filled + failed);
  return bar;
}

async function compare(operator: IndexOperator, model: string): Promise<void> {
  const { sample, overlapAt10 } = await operator.compare(model);
  console.log(`${(overlapAt10 * 100).toFixed(1)} % of the ten nearest are the same, over ${sample} photos`);
}

function print(models: readonly IndexModelReport[]): void {
  const rows = models.map(({ model, state, filled, total, failed }) => [
    model,
    state,
    `${filled}/${total}`,
    String(failed),
  ]);
  console.log(formatColumns([["MODEL", "STATE", "FILLED", "FAILED"], ...rows]));
}
