import { createHash, randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import type { PGlite } from "@electric-sql/pglite";

const folder = new URL("../node_modules/.cache/", import.meta.url);
// The path names the version of PGlite: another one makes a cluster of its own.
const version = createHash("sha256")
  .update(import.meta.resolve("@electric-sql/pglite"))
  .digest("hex");
const file = new URL(`empty-cluster-${version.slice(0, 16)}.tar`, folder);

/**
 * An empty cluster that an earlier process kept, if there is one. Making one anew takes two seconds of both cores, reading
 * it a third of one; only databases in memory begin with it, which are those of tests and measurements.
 */
export async function readEmptyCluster(): Promise<Blob | undefined> {
  try {
    return new Blob([await readFile(file)]);
  } catch {
    return undefined;
  }
}

/** Keeps a database that nothing was written to yet for later processes; where that is not possible they do without. */
export async function keepEmptyCluster(database: PGlite): Promise<void> {
  const unfinished = new URL(`${randomUUID()}.part`, folder);
  try {
    const dump = await database.dumpDataDir("none");
    await mkdir(folder, { recursive: true });
    await writeFile(unfinished, new Uint8Array(await dump.arrayBuffer()));
    await rename(unfinished, file);
  } catch {
    await rm(unfinished, { force: true }).catch(() => undefined);
  }
}
