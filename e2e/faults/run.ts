import { setTimeout as delay } from "node:timers/promises";
import { gatherEvidence } from "./evidence.ts";
import { type FaultMesh, startFaultMesh } from "./fault-mesh.ts";
import { injections } from "./injections/index.ts";
import { violations } from "./invariants.ts";
import { type Load, startLoad } from "./load.ts";
import { unexpectedErrors } from "./log-lines.ts";
import type { FaultOptions } from "./options.ts";
import { createRandom } from "./random.ts";
import { Recorder } from "./recorder.ts";
import { type PlannedFault, planFaults } from "./schedule.ts";
import { type Ask, storesOf } from "./stores.ts";

/** A run in the making, and what is known of it in the end. */
export interface FaultRun {
  readonly mesh: FaultMesh;
  readonly recorder: Recorder;
  readonly load: Load;
  readonly ask: Ask;
  /** All that went wrong: at the time, and in the end. */
  readonly wrong: string[];
  /** Faults that were injected, and those that could not be here. */
  readonly injected: PlannedFault[];
  readonly skipped: PlannedFault[];
  /** How long it took, after the last fault, until everything was as it must be. */
  readonly settledMs: number;
  dispose(): Promise<void>;
}

const users = 4;
const photosPerUser = 25;
const settleMs = 120_000;
/** What stays wrong for so long, three rounds of the library's looking for lost stages, will stay so. */
const hopelessMs = 45_000;
/** Seven processes with models: none comes near it. */
const mostMemoryBytes = 1_500 * 1024 * 1024;

/** Starts a mesh, puts it under load, breaks it as planned, lets it come to rest and looks at what is left. */
export async function runFaults(options: FaultOptions, say: (line: string) => void): Promise<FaultRun> {
  const random = createRandom(options.seed);
  const durationMs = options.minutes * 60_000;
  const longestPauseMs = options.minutes >= 10 ? 30_000 : 6_000;
  const plan = planFaults(random.fork("schedule"), { durationMs, kinds: options.kinds, longestPauseMs });
  say(`seed ${options.seed}, ${options.minutes} minutes, ${plan.length} faults:`);
  for (const fault of plan) say(`  ${describe(fault)}`);
  const recorder = new Recorder();
  const mesh = await startFaultMesh(recorder);
  try {
    const ask = storesOf(mesh.mesh);
    const { url } = mesh.mesh;
    const load = await startLoad({ url, recorder, random: random.fork("load"), users, photosPerUser });
    const context = { mesh, recorder, ask };
    const { injected, skipped } = await injectAll(plan, context, durationMs, say);
    await load.stop();
    say(`${time(recorder)} the faults are over; ${recorder.photos.size} photos were acknowledged`);
    const stoppedAt = performance.now();
    const left = await settle(mesh, ask, recorder, load);
    const settledMs = Math.round(performance.now() - stoppedAt);
    const wrong = [
      ...recorder.missteps.map(({ atMs, what, times }) => `at ${atMs} ms, ${times} times: ${what}`),
      ...left,
      ...unexpectedErrors(mesh.logs(), recorder.planted),
      ...tooLarge(mesh),
    ];
    const dispose = () => mesh.dispose();
    return { mesh, recorder, load, ask, wrong, injected, skipped, settledMs, dispose };
  } catch (error) {
    await mesh.dispose();
    throw error;
  }
}

async function injectAll(
  plan: readonly PlannedFault[],
  context: { mesh: FaultMesh; recorder: Recorder; ask: Ask },
  durationMs: number,
  say: (line: string) => void,
) {
  const { recorder } = context;
  const injected: PlannedFault[] = [];
  const skipped: PlannedFault[] = [];
  const lane = async (faults: readonly PlannedFault[]) => {
    for (const fault of faults) {
      await delay(Math.max(0, fault.atMs - recorder.elapsedMs));
      if (recorder.elapsedMs > durationMs) {
        say(`${time(recorder)} no time is left for: ${describe(fault).trim()}`);
        continue;
      }
      const began = recorder.elapsedMs;
      const random = createRandom(fault.seed);
      const outcome = await injections[fault.kind]({ ...context, random }, fault).catch((error: unknown) => {
        recorder.misstep(`${describe(fault)} could not be done: ${error}`);
        return "done" as const;
      });
      (outcome === "done" ? injected : skipped).push(fault);
      const took = ((recorder.elapsedMs - began) / 1000).toFixed(1);
      say(`${time(recorder)} ${fault.kind} ${fault.target}: ${outcome} after ${took} s`);
    }
  };
  await Promise.all([
    lane(plan.filter(({ kind }) => kind === "kill")),
    lane(plan.filter(({ kind }) => kind !== "kill")),
    delay(durationMs),
  ]);
  return { injected, skipped };
}

/** Looks until all is as it must be, or for as long as it may take. @returns what is wrong still. */
async function settle(mesh: FaultMesh, ask: Ask, recorder: Recorder, load: Load): Promise<string[]> {
  const deadline = performance.now() + settleMs;
  let before = "";
  let changedAt = performance.now();
  for (;;) {
    const evidence = await gatherEvidence(mesh, ask, recorder, load.clients);
    const wrong = violations(evidence, recorder);
    if (wrong.join() !== before) changedAt = performance.now();
    before = wrong.join();
    const hopeless = performance.now() - changedAt > hopelessMs;
    if (wrong.length === 0 || hopeless || performance.now() > deadline) return wrong;
    await delay(2_000);
  }
}

function tooLarge(mesh: FaultMesh): string[] {
  return [...mesh.memory()].flatMap(([name, bytes]) =>
    bytes <= mostMemoryBytes ? [] : [`${name} took ${Math.round(bytes / 2 ** 20)} MiB of memory`],
  );
}

function describe({ atMs, kind, target, forMs }: PlannedFault): string {
  return `${(atMs / 1000).toFixed(1).padStart(7)} s  ${kind} ${target} for ${forMs} ms`;
}

function time({ elapsedMs }: Recorder): string {
  return `[${(elapsedMs / 1000).toFixed(1)} s]`;
}
