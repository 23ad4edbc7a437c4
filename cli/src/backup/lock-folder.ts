import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { StartupError } from "../startup-error.ts";

/**
 * Keeps other backups out of a folder, as long as this process lives. @returns what lets them in again.
 * @throws StartupError while another one is at it.
 */
export async function lockFolder(root: string): Promise<() => Promise<void>> {
  const file = join(root, "lock");
  for (let tries = 0; ; tries += 1) {
    try {
      await writeFile(file, String(process.pid), { flag: "wx", mode: 0o600 });
      return () => rm(file, { force: true });
    } catch (error) {
      const holder = Number(await readFile(file, "utf8").catch(() => "0"));
      if (tries > 0 || isAlive(holder))
        throw new StartupError(`another backup into ${root} is under way (process ${holder})`, {
          cause: error,
        });
      await rm(file, { force: true });
    }
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
