import { constants, open, readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { StartupError } from "../startup-error.ts";
import type { BackupSource } from "./backup-source.ts";
import { blobFile } from "./blob-list.ts";
import { damaged, damagedFile, decodeManifest, manifestFile, maxManifestBytes } from "./format.ts";

/** Folder of the backups below that of all of them; blobs lie beside it, each once for all. */
export const snapshotsFolder = "snapshots";

/** Name of a backup in its folder: the time at which it was begun. */
export const snapshotName = /^(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d)(?:-(\d{1,9}))?Z$/;

/** Complete backups of a folder, in the order in which they were made. */
export async function listSnapshots(root: string): Promise<string[]> {
  const names = await readdir(join(root, snapshotsFolder)).catch(() => []);
  return names.filter((name) => snapshotName.test(name)).sort(bySnapshotOrder);
}

/** Name of a backup taken apart: its second, and its number among those of the same second, from 1 on. */
export function splitSnapshotName(name: string): { second: string; number: number } {
  const [, second = "", number = "1"] = snapshotName.exec(name) ?? [];
  return { second, number: Number(number) };
}

// A name without a number would be sorted behind those with one.
function bySnapshotOrder(left: string, right: string): number {
  const [a, b] = [splitSnapshotName(left), splitSnapshotName(right)];
  if (a.second !== b.second) return a.second < b.second ? -1 : 1;
  return a.number - b.number;
}

/** Opens a backup in a folder. @throws StartupError when it is none. */
export async function openDirectorySource(given: string): Promise<BackupSource> {
  const { root, folder } = await locate(resolve(given));
  const path = join(folder, manifestFile);
  const { size } = await stat(path).catch(() => {
    throw damaged("it has no manifest: it was never complete");
  });
  if (size > maxManifestBytes) throw damaged("its manifest is too large");
  const manifest = decodeManifest(await readFile(path));
  return {
    manifest,
    openPart: (part) => readPlain(join(folder, part.file), part.file, part.bytes, damaged),
    readBlobs: () => ({
      async next({ key, size: bytes }) {
        return readPlain(join(root, blobFile(key)), blobFile(key), bytes, damagedFile);
      },
      async end() {},
    }),
    async close() {},
  };
}

async function locate(path: string): Promise<{ root: string; folder: string }> {
  if (basename(dirname(path)) === snapshotsFolder) return { root: dirname(dirname(path)), folder: path };
  const newest = (await listSnapshots(path)).at(-1);
  if (newest === undefined) throw new StartupError(`there is no complete backup in ${path}`);
  return { root: path, folder: join(path, snapshotsFolder, newest) };
}

const chunkBytes = 256 * 1024;

/** A file by a name of ours, never through a link. */
async function* readPlain(
  path: string,
  name: string,
  size: number,
  bad: (what: string) => StartupError,
): AsyncGenerator<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(() => {
    throw bad(`${name} is missing, or no plain file`);
  });
  try {
    const found = await file.stat();
    if (!found.isFile() || found.size !== size) throw bad(`${name} has another size than it had`);
    for (let left = size; left > 0; ) {
      const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, left));
      const { bytesRead } = await file.read(buffer, 0, buffer.byteLength).catch((error: unknown) => {
        throw bad(`${name} cannot be read (${error instanceof Error ? error.message : String(error)})`);
      });
      if (bytesRead === 0) throw bad(`${name} became shorter while it was read`);
      left -= bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}
