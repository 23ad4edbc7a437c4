import { writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort } from "@ocelli/testkit";
import { processMemory } from "../harness/inspection.ts";
import { type Mesh, type MeshProcess, meshServices, startMesh } from "../harness/mesh.ts";
import { type OcelliProcess, temporaryFolder } from "../harness/ocelli-process.ts";
import { mountSmallDisk, type SmallDisk } from "./disks.ts";
import type { Recorder } from "./recorder.ts";
import type { Target } from "./schedule.ts";

/** What became of a fault: `SKIPPED` where it cannot be done here. */
export type FaultOutcome = "done" | "SKIPPED";

/** A mesh whose parts can be broken one by one, and that knows what became of each. */
export interface FaultMesh {
  readonly mesh: Mesh;
  /** Small disks by whose they are; empty where nothing may be mounted. */
  readonly disks: ReadonlyMap<Target, SmallDisk>;
  /** File with the error, in milliseconds, of the clock of the processes that {@link setClock} was told of. */
  setClock(target: MeshProcess, skewMs: number): void;
  /** The first process of a part; undefined while it is down. */
  pid(target: Target): number | undefined;
  /** Ends a part as `kill -9` does. */
  kill(target: Target, options?: { wipe?: boolean }): Promise<void>;
  /** Starts a part again, as a supervisor does: until it stays up. */
  start(target: Target): Promise<void>;
  /** Starts what has ended by itself, which a full disk excuses. */
  revive(target: Target): Promise<void>;
  /** Waits for its turn with a part: two faults at once of the same one would undo each other. */
  alone(target: Target, work: () => Promise<FaultOutcome>): Promise<FaultOutcome>;
  /** All that every process of the run has printed, by its name. */
  logs(): { name: string; text: string }[];
  /** Peak memory in bytes by process name, over all processes of that name that still run. */
  memory(): Map<string, number>;
  dispose(): Promise<void>;
}

const skewModule = fileURLToPath(new URL("./clock-skew.ts", import.meta.url));
const startPatienceMs = 60_000;
/** Postgres has write-ahead segments of 16 MiB; NATS and the library little. */
const diskMebibytes = { postgres: 384, nats: 256, library: 96 } as const;

/** Starts a mesh whose every part can be broken. */
export async function startFaultMesh(recorder: Recorder): Promise<FaultMesh> {
  const disks = mountDisks();
  const clocks = temporaryFolder();
  const clockOf = (name: string) => `${clocks}/${name}`;
  const port = String(await freePort());
  const mesh = await startMesh(
    {
      // What does not move is asked for again after ten seconds, not after ten minutes.
      ...{ STAGE_LEASE: "10s", JOB_SWEEP: "1s", MAX_JOB_REQUEUES: "20", RATE_LIMIT_AUTH: "off" },
      MAX_ACTIVE_JOBS_PER_USER: "100",
    },
    {
      disks: Object.fromEntries([...disks].map(([name, { folder }]) => [name, folder])),
      envOf: (name) => ({
        NODE_OPTIONS: `--import=${skewModule}`,
        FAULT_CLOCK: clockOf(name),
        // The same after a restart.
        ...(name === "gateway" ? { PORT: port } : {}),
      }),
    },
  ).catch((error: unknown) => {
    for (const disk of disks.values()) disk.unmount();
    throw error;
  });
  return new BreakableMesh(mesh, disks, recorder, clockOf);
}

function mountDisks(): Map<Target, SmallDisk> {
  const disks = new Map<Target, SmallDisk>();
  for (const name of ["postgres", "nats", "library"] as const) {
    const disk = mountSmallDisk(name, diskMebibytes[name]);
    if (!disk) console.warn(`SKIPPED: no disk of ${name} can run full, for this user may not mount any`);
    else disks.set(name, disk);
  }
  return disks;
}

class BreakableMesh implements FaultMesh {
  readonly mesh: Mesh;
  readonly disks: ReadonlyMap<Target, SmallDisk>;
  readonly #recorder: Recorder;
  readonly #clockOf: (name: string) => string;
  readonly #all: { name: MeshProcess; process: OcelliProcess }[] = [];
  readonly #killed = new Set<OcelliProcess>();
  readonly #turns = new Map<Target, Promise<unknown>>();

  constructor(
    mesh: Mesh,
    disks: ReadonlyMap<Target, SmallDisk>,
    recorder: Recorder,
    clockOf: (name: string) => string,
  ) {
    this.mesh = mesh;
    this.disks = disks;
    this.#recorder = recorder;
    this.#clockOf = clockOf;
    for (const name of [...meshServices, "gateway"] as const) this.#watch(name);
  }

  setClock(target: MeshProcess, skewMs: number): void {
    writeFileSync(this.#clockOf(target), String(skewMs));
  }

  pid(target: Target): number | undefined {
    if (target === "nats" || target === "postgres") return this.mesh[target].pid();
    const { child } = this.mesh.process(target);
    return child.exitCode === null && child.signalCode === null ? child.pid : undefined;
  }

  async kill(target: Target, options: { wipe?: boolean } = {}): Promise<void> {
    if (target === "nats") return this.mesh.nats.kill(options);
    if (target === "postgres") return this.mesh.postgres.kill();
    const process = this.mesh.process(target);
    this.#killed.add(process);
    await process.end("SIGKILL");
  }

  async start(target: Target): Promise<void> {
    if (target === "nats") return this.mesh.nats.start();
    if (target === "postgres") return this.mesh.postgres.restart();
    const deadline = Date.now() + startPatienceMs;
    for (;;) {
      try {
        await this.mesh.restart(target);
        return this.#watch(target);
      } catch (error) {
        // Ended while what it stands on was down; whoever looks after it starts it again.
        if (Date.now() > deadline) throw error;
        await delay(1_000);
      }
    }
  }

  async revive(target: Target): Promise<void> {
    if (this.pid(target) === undefined) await this.start(target);
  }

  async alone(target: Target, work: () => Promise<FaultOutcome>): Promise<FaultOutcome> {
    const before = this.#turns.get(target);
    const turn = Promise.withResolvers<void>();
    this.#turns.set(target, turn.promise);
    await before;
    try {
      return await work();
    } finally {
      turn.resolve();
    }
  }

  logs(): { name: string; text: string }[] {
    return this.#all.map(({ name, process }) => ({ name, text: process.output() }));
  }

  memory(): Map<string, number> {
    const peaks = new Map<string, number>();
    for (const { name, process } of this.#all) {
      const peak = processMemory(process.child.pid)?.peak;
      if (peak) peaks.set(name, Math.max(peak, peaks.get(name) ?? 0));
    }
    return peaks;
  }

  async dispose(): Promise<void> {
    for (const { process } of this.#all) this.#killed.add(process);
    await this.mesh.dispose();
    for (const disk of this.disks.values()) disk.unmount();
  }

  #watch(name: MeshProcess): void {
    const process = this.mesh.process(name);
    this.#all.push({ name, process });
    process.child.once("exit", (code, signal) => {
      if (this.#killed.has(process)) return;
      const end = process.output().slice(-500);
      this.#recorder.misstep(`${name} ended by itself with ${code ?? signal}: ${end}`);
    });
  }
}
