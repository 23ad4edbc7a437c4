import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A small disk in memory that can run full. */
export interface SmallDisk {
  readonly folder: string;
  /** Takes all the room that is left. */
  fill(): void;
  /** Gives it back. */
  makeRoom(): void;
  /** Removes it with everything on it. */
  unmount(): void;
}

const blockBytes = 64 * 1024;

/**
 * Mounts a disk of so many MiB.
 * @returns undefined where this user may not mount.
 */
export function mountSmallDisk(name: string, mebibytes: number): SmallDisk | undefined {
  const mountPoint = mkdtempSync(join(tmpdir(), `ocelli-disk-${name}-`));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${mebibytes}m`, "tmpfs", mountPoint], {
      stdio: "ignore",
    });
  } catch {
    rmSync(mountPoint, { recursive: true });
    return undefined;
  }
  const ballast = join(mountPoint, "ballast");
  const folder = join(mountPoint, "data");
  // Postgres runs as another user here.
  mkdirSync(folder, { mode: 0o777 });
  const unmount = () => {
    process.off("exit", unmount);
    // Lazily: what still has a file open must not keep the folder in the way.
    execFileSync("umount", ["--lazy", mountPoint]);
    rmSync(mountPoint, { recursive: true, force: true });
  };
  process.once("exit", unmount);
  return {
    folder,
    fill: () => fillWith(ballast),
    makeRoom: () => rmSync(ballast, { force: true }),
    unmount,
  };
}

function fillWith(path: string): void {
  const file = openSync(path, "a");
  try {
    for (let size = blockBytes; size >= 1; size = Math.floor(size / 16)) {
      const block = Buffer.alloc(size);
      while (wrote(file, block));
    }
  } finally {
    closeSync(file);
  }
}

function wrote(file: number, block: Buffer): boolean {
  try {
    return writeSync(file, block) > 0;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOSPC") return false;
    throw error;
  }
}
