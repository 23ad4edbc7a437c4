import { readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isOcelli } from "../data-directory.ts";
import { StartupError } from "../startup-error.ts";

/** Whose lock it is. */
interface Holder {
  /** 0 when it does not say. */
  pid: number;
  /** Absent in locks of earlier versions. */
  host: string | undefined;
  /** Milliseconds since it was last touched. */
  ageMs: number;
}

/** A lock of another machine, whose processes cannot be looked at, is believed for so long. */
const foreignMs = 24 * 60 * 60_000;
/** How often a lock is touched while it is held. */
const refreshMs = 60_000;
/** A lock without content: its process was killed between creating and filling it. */
const emptyMs = 60_000;

/**
 * Keeps other backups out of a folder, as long as this process lives. @returns what lets them in again.
 * @throws StartupError while another one is at it.
 */
export async function lockFolder(root: string): Promise<() => Promise<void>> {
  const file = join(root, "lock");
  // Whoever loses a race for a stale lock finds a live one at the next try.
  for (let tries = 0; tries < 10; tries += 1) {
    if (await create(file)) return keep(file);
    const holder = await readHolder(file);
    if (holder && isLive(holder)) throw underWay(root, holder);
    await removeStale(root, file);
  }
  throw new StartupError(`${file} cannot be taken`);
}

/** Whether a live process holds a folder's lock; undefined when there is no lock. */
export async function isLocked(root: string): Promise<boolean | undefined> {
  const holder = await readHolder(join(root, "lock"));
  return holder && isLive(holder);
}

async function create(file: string): Promise<boolean> {
  try {
    await writeFile(file, `${process.pid} ${hostname()}`, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

function keep(file: string): () => Promise<void> {
  const timer = setInterval(() => {
    const now = new Date();
    // A folder that cannot be reached for a moment is no reason to end.
    utimes(file, now, now).catch(() => undefined);
  }, refreshMs);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await rm(file, { force: true });
  };
}

/** Renamed first and looked at once more, when nobody else can take it for stale any longer. */
async function removeStale(root: string, file: string): Promise<void> {
  const aside = `${file}.${process.pid}`;
  try {
    await rename(file, aside);
  } catch {
    // Somebody else removed it first.
    return;
  }
  const holder = await readHolder(aside);
  if (holder && isLive(holder)) {
    await rename(aside, file);
    throw underWay(root, holder);
  }
  await rm(aside, { force: true });
}

/** Undefined when there is none. One that was created a moment ago is given the time to be filled. */
async function readHolder(file: string): Promise<Holder | undefined> {
  for (let tries = 0; ; tries += 1) {
    const found = await stat(file).catch(() => undefined);
    const text = await readFile(file, "utf8").catch(() => undefined);
    if (!found || text === undefined) return undefined;
    if (text !== "" || tries === 5) {
      const [, pid = "0", host] = /^(\d{1,10})(?: (\S{1,255}))?$/.exec(text) ?? [];
      return { pid: Number(pid), host, ageMs: Date.now() - found.mtimeMs };
    }
    await sleep(50);
  }
}

function isLive({ pid, host, ageMs }: Holder): boolean {
  if (host !== undefined && host !== hostname()) return ageMs < foreignMs;
  if (pid === 0) return ageMs < emptyMs;
  // In a container every process may be the first: an own number is that of a predecessor.
  return pid !== process.pid && isOcelli(pid);
}

function underWay(root: string, { pid, host }: Holder): StartupError {
  const where = host === undefined || host === hostname() ? "" : ` on ${host}`;
  const remedy = where && `; when it was killed, remove ${join(root, "lock")}`;
  return new StartupError(`another backup into ${root} is under way (process ${pid}${where})${remedy}`);
}
