import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { mkdtemp, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { StartupError } from "../startup-error.ts";
import { type BackupTarget, counting } from "./backup-target.ts";
import { blobFile } from "./blob-list.ts";
import { encodeManifest, manifestFile } from "./format.ts";
import { TarWriter } from "./tar-writer.ts";

/**
 * A backup as one tar file: blobs, then parts, then the manifest. It is written beside its place under a hidden name.
 * @throws StartupError when there is such a file, or no such folder.
 */
export async function openTarTarget(given: string): Promise<BackupTarget> {
  const path = resolve(given);
  if (existsSync(path)) throw new StartupError(`${path} is there already; a backup never overwrites one`);
  if (!existsSync(dirname(path))) throw new StartupError(`there is no folder ${dirname(path)}`);
  const workFolder = await mkdtemp(join(dirname(path), `.${basename(path)}-`));
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
      return path;
    },
    async discard() {
      if (isOpen) await tar.close();
      isOpen = false;
      await rm(workFolder, { recursive: true, force: true });
    },
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
