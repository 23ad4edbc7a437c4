import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { StartupError } from "../startup-error.ts";
import { type BackupTarget, counting } from "./backup-target.ts";
import { blobFile } from "./blob-list.ts";
import { encodeManifest, manifestFile } from "./format.ts";
import { isLocked, lockFolder } from "./lock-folder.ts";
import { syncFolder } from "./sync-folders.ts";
import { TarWriter } from "./tar-writer.ts";

/**
 * A backup as one tar file: blobs, then parts, then the manifest. It is written beside its place under a hidden name.
 * @throws StartupError when there is such a file, or no such folder.
 */
export async function openTarTarget(given: string): Promise<BackupTarget> {
  const path = resolve(given);
  if (existsSync(path)) throw new StartupError(`${path} is there already; a backup never overwrites one`);
  if (!existsSync(dirname(path))) throw new StartupError(`there is no folder ${dirname(path)}`);
  await removeUnfinished(path);
  const workFolder = await mkdtemp(join(dirname(path), `.${basename(path)}-`));
  const unlock = await lockFolder(workFolder);
  const unfinished = join(workFolder, "backup.tar");
  const tar = await TarWriter.create(unfinished);
  let isOpen = true;
  return {
    workFolder,
    earlier: () => async () => undefined,
    async addBlob(key, { size, chunks }, isRight) {
      const before = tar.position;
      const hash = createHash("sha256");
      const { through } = counting(hash);
      await tar.add(blobFile(key), size, through(chunks));
      const copied = { size, digest: hash.digest("hex") };
      if (isRight(copied)) return copied;
      await tar.rewind(before);
      return undefined;
    },
    async addPart({ file, bytes }) {
      const source = join(workFolder, file);
      await tar.add(file, bytes, createReadStream(source));
      await rm(source);
    },
    async finish(manifest, check) {
      const bytes = encodeManifest(manifest);
      await tar.add(manifestFile, bytes.byteLength, once(bytes));
      await tar.finish();
      isOpen = false;
      await check(unfinished);
      // Whatever appeared under the name meanwhile is not ours to replace.
      if (await stat(path).catch(() => undefined)) throw new StartupError(`${path} has appeared meanwhile`);
      await rename(unfinished, path);
      await syncFolder(dirname(path));
      return path;
    },
    async discard() {
      if (isOpen) await tar.close();
      isOpen = false;
      await unlock();
      await rm(workFolder, { recursive: true, force: true });
    },
  };
}

/** Work folders of earlier versions have no lock; after a day nobody is at work in them. */
const unlockedMs = 24 * 60 * 60_000;

/** What backups to the same file that were killed left beside it. */
async function removeUnfinished(path: string): Promise<void> {
  const prefix = `.${basename(path)}-`;
  for (const name of await readdir(dirname(path))) {
    if (!name.startsWith(prefix) || !/^[A-Za-z0-9]{6}$/.test(name.slice(prefix.length))) continue;
    const folder = join(dirname(path), name);
    const found = await stat(folder).catch(() => undefined);
    if (!found?.isDirectory()) continue;
    const isHeld = (await isLocked(folder)) ?? Date.now() - found.mtimeMs < unlockedMs;
    if (!isHeld) await rm(folder, { recursive: true, force: true });
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
