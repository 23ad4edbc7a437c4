import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { StartupError } from "./startup-error.ts";

/** The folder of everything a process stores, held by one process at a time. */
export interface DataDirectory {
  readonly path: string;
  /** Absolute path of something inside. */
  file(...names: string[]): string;
  release(): void;
}

// Raised when the layout of the folder changes in a way that older versions cannot read.
const layoutVersion = "1";

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
    release: () => rmSync(join(root, "lock"), { force: true }),
  };
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
  const holder = existsSync(file) ? Number(readFileSync(file, "utf8")) : undefined;
  if (holder !== undefined && holder !== process.pid && isOcelli(holder)) {
    throw new StartupError(
      `the data directory ${root} is in use by process ${holder}; stop it first, or set OCELLI_DATA to another folder`,
    );
  }
  // What a killed process left behind is no lock.
  rmSync(file, { force: true });
  const handle = openSync(file, "wx", 0o600);
  writeSync(handle, String(process.pid));
  closeSync(handle);
}

/** True when the process is alive and may be one of ours; ids are reused, so the command line is looked at where it can be. */
function isOcelli(pid: number): boolean {
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
