import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { StartupError } from "./startup-error.ts";

/** The folder of everything a process stores, held by one process at a time. */
export interface DataDirectory {
  readonly path: string;
  /** Absolute path of something inside. */
  file(...names: string[]): string;
  /** Tells other commands of this user how to reach the database that this process runs, until `release`. */
  announceDatabase(url: string): void;
  release(): void;
}

/** The process that holds a data directory. */
export interface DataHolder {
  pid: number;
  /** Its embedded database; absent while it starts, and when it uses another one. */
  databaseUrl: string | undefined;
}

// Raised when the layout of the folder changes in a way that older versions cannot read.
const layoutVersion = "1";
const databaseUrlFile = "database-url";

/**
 * Creates or opens the folder and takes its lock.
 * @throws StartupError when it is no folder, not writable, of another layout, or in use.
 */
export function openDataDirectory(path: string): DataDirectory {
  const root = resolve(path);
  try {
    mkdirSync(root, { recursive: true, mode: 0o700 });
    checkLayout(root);
    takeLock(root);
    // A killed process may have left it.
    rmSync(join(root, databaseUrlFile), { force: true });
  } catch (error) {
    if (error instanceof StartupError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartupError(
      `the data directory ${root} cannot be used (${reason}); set OCELLI_DATA to a writable folder`,
    );
  }
  return {
    path: root,
    file: (...names) => join(root, ...names),
    announceDatabase: (url) => writePrivately(join(root, databaseUrlFile), url),
    release() {
      rmSync(join(root, databaseUrlFile), { force: true });
      rmSync(join(root, "lock"), { force: true });
    },
  };
}

/** Who holds a data directory now, if anybody does. */
export function findDataHolder(path: string): DataHolder | undefined {
  const root = resolve(path);
  const pid = readHolder(join(root, "lock"));
  if (!isOther(pid)) return undefined;
  const file = join(root, databaseUrlFile);
  return { pid, databaseUrl: existsSync(file) ? readFileSync(file, "utf8") : undefined };
}

/** Whoever reads it gets all of it, and nobody else may. */
function writePrivately(file: string, content: string): void {
  const fresh = `${file}.${process.pid}`;
  rmSync(fresh, { force: true });
  writeFileSync(fresh, content, { flag: "wx", mode: 0o600 });
  renameSync(fresh, file);
}

function checkLayout(root: string): void {
  const file = join(root, "layout");
  if (!existsSync(file)) writeFileSync(file, layoutVersion);
  const found = readFileSync(file, "utf8").trim();
  if (found !== layoutVersion) {
    throw new StartupError(
      `the data directory ${root} has layout ${JSON.stringify(found.slice(0, 20))}, this version reads ${layoutVersion}; ` +
        "use the version that wrote it, or set OCELLI_DATA to another folder",
    );
  }
}

function takeLock(root: string): void {
  const file = join(root, "lock");
  // Created, never overwritten: of two processes that start at once only one gets it.
  while (!create(file, String(process.pid))) {
    const holder = readHolder(file);
    if (isOther(holder)) throw inUse(root, holder);
    removeStale(root, file);
  }
}

function create(file: string, content: string): boolean {
  try {
    writeFileSync(file, content, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

/** Removes what a killed process left behind, looking at it once more when nobody else can take it any longer. */
function removeStale(root: string, file: string): void {
  const aside = `${file}.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch {
    // Somebody else removed it first.
    return;
  }
  const holder = readHolder(aside);
  if (isOther(holder)) {
    renameSync(aside, file);
    throw inUse(root, holder);
  }
  rmSync(aside, { force: true });
}

/** The process id in a lock; a file that was created a moment ago is given the time to be filled. */
function readHolder(file: string): number {
  for (let tries = 0; tries < 5; tries += 1) {
    const text = existsSync(file) ? readFileSync(file, "utf8") : "0";
    if (text !== "") return Number(text);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
  return 0;
}

function isOther(holder: number): boolean {
  return holder !== process.pid && isOcelli(holder);
}

function inUse(root: string, holder: number): StartupError {
  return new StartupError(
    `the data directory ${root} is in use by process ${holder}; stop it first, or set OCELLI_DATA to another folder`,
  );
}

/** True when the process is alive and may be one of ours; ids are reused, so the command line is looked at where it can be. */
export function isOcelli(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const commandLine = `/proc/${pid}/cmdline`;
  if (!existsSync(commandLine)) return true;
  return readFileSync(commandLine, "utf8").includes("main.ts");
}
