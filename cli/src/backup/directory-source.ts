import { createReadStream } from "node:fs";
import { constants, open, readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { StartupError } from "../startup-error.ts";
import type { BackupSource } from "./backup-source.ts";
import { blobFile } from "./blob-list.ts";
import { damaged, decodeManifest, manifestFile, maxManifestBytes } from "./format.ts";

/** Folder of the backups below that of all of them; blobs lie beside it, each once for all. */
export const snapshotsFolder = "snapshots";

/** Name of a backup in its folder: the time at which it was begun. */
export const snapshotName = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:-\d+)?Z$/;

/** Complete backups of a folder, oldest first. */
export async function listSnapshots(root: string): Promise<string[]> {
  const names = await readdir(join(root, snapshotsFolder)).catch(() => []);
  return names.filter((name) => snapshotName.test(name)).sort();
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
    openPart: (part) => readPlain(join(folder, part.file), part.file, part.bytes),
    readBlobs: () => ({
      async next({ key, size: bytes }) {
        return readPlain(join(root, blobFile(key)), blobFile(key), bytes);
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

/** A file by a name of ours, never through a link. */
async function* readPlain(path: string, name: string, size: number): AsyncGenerator<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(() => {
    throw damaged(`${name} is missing, or no plain file`);
  });
  try {
    const found = await file.stat();
    if (!found.isFile() || found.size !== size) throw damaged(`${name} has another size than it had`);
    const chunks: AsyncIterable<Buffer> = createReadStream(path, { fd: file, autoClose: false });
    yield* chunks;
  } finally {
    await file.close();
  }
}
