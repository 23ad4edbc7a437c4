import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { Client } from "../e2e/harness/client.ts";
import { type OcelliProcess, startOcelli } from "../e2e/harness/ocelli-process.ts";
import type { Picture } from "./pictures.ts";

/** A running `ocelli up` with one user, and how long it took to be ready. */
export interface Mesh {
  process: OcelliProcess;
  client: Client;
  readyMs: number;
}

// Looking costs the server, so it is done seldom until the end is near.
const pollMs = 300;
const pollNearEndMs = 50;
const nearEnd = 4;
const uploadsInFlight = 4;
const roundTimeoutMs = 180_000;
const photoTimeoutMs = 6_000;
const pageSchema = z.object({
  items: z.array(
    z.object({ id: z.string(), stages: z.record(z.string(), z.object({ status: z.string() })) }),
  ),
});

/** Starts a mesh on a data folder; `name` makes the user. */
export async function startMesh(dataDir: string, env: NodeJS.ProcessEnv, name: string): Promise<Mesh> {
  // What scripts/run.mjs sets for this process, it also sets for `npm start`.
  const { NODE_COMPILE_CACHE, MALLOC_ARENA_MAX } = globalThis.process.env;
  const startedAt = performance.now();
  const process = await startOcelli(["up"], {
    OCELLI_DATA: dataDir,
    OCELLI_EVENTS: "in-process",
    // One user asks as fast as it goes.
    ...Object.fromEntries(
      ["READ", "SEARCH", "UPLOAD", "ANALYZE"].map((name) => [`RATE_LIMIT_${name}`, "off"]),
    ),
    ...(NODE_COMPILE_CACHE ? { NODE_COMPILE_CACHE } : {}),
    ...(MALLOC_ARENA_MAX ? { MALLOC_ARENA_MAX } : {}),
    ...env,
  });
  const readyMs = performance.now() - startedAt;
  return { process, client: await signUp(process, name), readyMs };
}

/** Where a service of a running mesh takes gRPC, as `host:port`. */
export function serviceAddress({ process }: Mesh, name: string): string {
  const address = new RegExp(`\\b${name} (127\\.0\\.0\\.1:\\d+)`).exec(process.output())?.[1];
  if (!address) throw new Error(`the mesh does not say where ${name} is`);
  return address;
}

/** A new user of a running mesh. */
export function signUp(process: OcelliProcess, name: string): Promise<Client> {
  return Client.signedUp(process.address, `${name}@example.org`);
}

/**
 * Uploads all pictures, four at a time, and waits until every stage of each has succeeded. Resolves with milliseconds.
 * @throws Error when a stage fails or nothing moves.
 */
export async function analyseThroughHttp(client: Client, pictures: readonly Picture[]): Promise<number> {
  const startedAt = performance.now();
  const open = new Set<string>();
  const queue = pictures.values();
  const upload = async (): Promise<void> => {
    for (const { bytes, name } of queue) open.add(await client.upload(bytes, name));
  };
  await Promise.all(Array.from({ length: uploadsInFlight }, upload));
  while (open.size > 0) {
    await dropAnalysed(client, open, pictures.length);
    if (performance.now() - startedAt > Math.max(roundTimeoutMs, pictures.length * photoTimeoutMs))
      throw new Error("the analysis does not end");
    if (open.size > 0) await delay(open.size > nearEnd ? pollMs : pollNearEndMs);
  }
  return performance.now() - startedAt;
}

/** One list request looks at all photos of a round: newest first, they are the first page. */
async function dropAnalysed(client: Client, open: Set<string>, pageSize: number): Promise<void> {
  const response = await client.request(`/photos?pageSize=${pageSize}`);
  const { items } = pageSchema.parse(await response.json());
  for (const { id, stages } of items) {
    const states = Object.entries(stages);
    const failed = states.find(([, { status }]) => status === "FAILED");
    if (failed) throw new Error(`stage ${failed[0]} of photo ${id} failed`);
    if (states.every(([, { status }]) => status === "SUCCEEDED")) open.delete(id);
  }
}

/** Resident memory of a process and all its descendants, MB (2^20); 0 where there is no /proc. */
export function residentMb(pid: number): number {
  return processTree(pid).reduce((sum, id) => sum + statusOf(id, "VmRSS") / 1024, 0);
}

/** CPU time that a process, its threads and all its descendants have used, milliseconds; 0 where there is no /proc. */
export function cpuMs(pid: number): number {
  return processTree(pid).reduce((sum, id) => sum + cpuTicks(id) * tickMs, 0);
}

/** Linux counts in hundredths of a second for whoever asks, whatever it uses inside. */
const tickMs = 10;

/** User and system time, also of children that have ended. */
function cpuTicks(pid: number): number {
  try {
    // The second field is a name in parentheses that may hold anything; what follows is numbers from field 3 on.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ")
      .map(Number);
    return fields.slice(11, 15).reduce((sum, ticks) => sum + ticks, 0);
  } catch {
    // Ended meanwhile.
    return 0;
  }
}

/** A process and all its descendants. */
function processTree(pid: number): number[] {
  const parents = new Map<number, number>();
  try {
    for (const name of readdirSync("/proc").filter((each) => /^\d+$/.test(each)))
      parents.set(Number(name), statusOf(Number(name), "PPid"));
  } catch {
    return [];
  }
  const inTree = (id: number): boolean => {
    const parent = parents.get(id);
    return id === pid || (parent !== undefined && parent > 1 && inTree(parent));
  };
  return [...parents.keys()].filter(inTree);
}

function statusOf(pid: number, field: string): number {
  try {
    const match = new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return Number(match?.[1] ?? 0);
  } catch {
    // Ended meanwhile.
    return 0;
  }
}

/** Watches the memory of a process tree until `stop`, which answers the peak in MB. */
export function watchPeak(pid: number): { stop(): number } {
  let peak = residentMb(pid);
  const timer = setInterval(() => {
    peak = Math.max(peak, residentMb(pid));
  }, 100);
  return {
    stop() {
      clearInterval(timer);
      return Math.max(peak, residentMb(pid));
    },
  };
}
