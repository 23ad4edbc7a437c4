import { randomUUID } from "node:crypto";
import { access, constants, type FileHandle, mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError } from "@ocelli/chassis";
import type { BlobKey, PendingBlob } from "./blob-store.ts";
import { ignoreMissing, rejectStorage } from "./storage-errors.ts";

/** Ends the names of resumable uploads in the same folder; these are looked after by the uploads themselves. */
export const partSuffix = ".part";

/** No upload takes longer; younger files may belong to another replica on the same disk. */
const leftoverAgeMs = 60 * 60_000;

/** Puts a complete local file where blobs lie. The file may be moved, otherwise it is removed afterwards. */
export type Publish = (file: { path: string; sizeBytes: number }, key: BlobKey) => Promise<void>;

/** Makes the folder of files on their way in. @throws ConfigError when it cannot be used. */
export async function preparePending(tmp: string): Promise<void> {
  try {
    await mkdir(tmp, { recursive: true, mode: 0o700 });
    await access(tmp, constants.W_OK);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigError([`LIBRARY_DATA: photos cannot be stored in ${join(tmp, "..")} (${why})`]);
  }
}

/** Removes what lies there for longer than any upload may take: a process that was killed left it behind. */
export async function removeLeftovers(tmp: string): Promise<void> {
  for (const name of await readdir(tmp)) {
    if (name.endsWith(partSuffix)) continue;
    const path = join(tmp, name);
    const found = await stat(path).catch(ignoreMissing);
    if (found && Date.now() - found.mtimeMs > leftoverAgeMs) await rm(path, { recursive: true, force: true });
  }
}

/** Opens a new file on its way in. @throws AppError RESOURCE_EXHAUSTED/STORAGE_FULL, here and later. */
export async function createPendingFile(tmp: string, publish: Publish): Promise<PendingBlob> {
  const path = join(tmp, randomUUID());
  return pendingFile(path, await open(path, "wx", 0o600).catch(rejectStorage), publish);
}

function pendingFile(path: string, file: FileHandle, publish: Publish): PendingBlob {
  let done = false;
  let synced = false;
  let sizeBytes = 0;
  async function sync(): Promise<void> {
    if (!synced) await file.sync().catch(rejectStorage);
    synced = true;
  }
  return {
    path,
    sync,
    async write(chunk) {
      synced = false;
      // One write may store less than it was given.
      for (let offset = 0; offset < chunk.byteLength; ) {
        const { bytesWritten } = await file.write(chunk, offset).catch(rejectStorage);
        offset += bytesWritten;
        sizeBytes += bytesWritten;
      }
    },
    async commit(key) {
      await sync();
      await publish({ path, sizeBytes }, key).catch(rejectStorage);
      done = true;
      await file.close();
      // Gone already where publishing moves it.
      await rm(path, { force: true });
    },
    async discard() {
      if (done) return;
      done = true;
      await file.close();
      await rm(path, { force: true });
    },
  };
}
