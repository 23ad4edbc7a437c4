import { randomUUID } from "node:crypto";
import { access, constants, type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { AppError, ConfigError, maxChunkBytes } from "@ocelli/chassis";
import { Status } from "nice-grpc-common";
import type { BlobKey, BlobStore, OpenBlob, PendingBlob } from "./blob-store.ts";

/** No upload takes longer; younger files may belong to another replica on the same disk. */
const leftoverAgeMs = 60 * 60_000;

const suffixes = { original: "", preview: ".preview.jpg", thumbnail: ".thumbnail.jpg" } as const;

/**
 * Blobs in a content-addressed directory: `ab/cd/<sha256>` with renditions beside it. Files appear complete or not at
 * all (written to `tmp`, fsync, rename, fsync of the folder), so a power cut loses nothing that was acknowledged.
 * What lies in `tmp` for longer than any upload may take was left behind by a process that was killed.
 */
export function createDirectoryBlobStore(directory: string): BlobStore {
  const root = resolve(directory);
  const tmp = join(root, "tmp");
  const temporaryPath = () => join(tmp, randomUUID());

  async function publish(temporary: string, key: BlobKey): Promise<void> {
    const target = pathOf(root, key);
    await makeFolder(dirname(target));
    await rename(temporary, target);
    await syncFolder(dirname(target));
  }

  return {
    async prepare() {
      try {
        await mkdir(tmp, { recursive: true, mode: 0o700 });
        await access(tmp, constants.W_OK);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw new ConfigError([`LIBRARY_DATA: photos cannot be stored in ${root} (${why})`]);
      }
    },
    async removeLeftovers() {
      for (const name of await readdir(tmp)) {
        const path = join(tmp, name);
        const found = await stat(path).catch(ignoreMissing);
        if (found && Date.now() - found.mtimeMs > leftoverAgeMs)
          await rm(path, { recursive: true, force: true });
      }
    },
    async createPending() {
      const path = temporaryPath();
      return pendingBlob(path, await open(path, "wx", 0o600).catch(rejectStorage), publish);
    },
    async has(key) {
      const found = await stat(pathOf(root, key)).catch(ignoreMissing);
      return found?.isFile() ?? false;
    },
    async open(key) {
      const file = await open(pathOf(root, key), "r").catch(ignoreMissing);
      return file && openBlob(file);
    },
    async remove(sha256) {
      // The original first: where it is, its renditions are too.
      for (const kind of ["original", "preview", "thumbnail"] as const) {
        await rm(pathOf(root, { sha256, kind }), { force: true });
      }
      await syncFolder(dirname(pathOf(root, { sha256, kind: "original" }))).catch(ignoreMissing);
    },
  };
}

function pendingBlob(
  path: string,
  file: FileHandle,
  publish: (temporary: string, key: BlobKey) => Promise<void>,
): PendingBlob {
  let done = false;
  let synced = false;
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
        offset += (await file.write(chunk, offset).catch(rejectStorage)).bytesWritten;
      }
    },
    async commit(key) {
      await sync();
      await publish(path, key).catch(rejectStorage);
      done = true;
      await file.close();
    },
    async discard() {
      if (done) return;
      done = true;
      await file.close();
      await rm(path, { force: true });
    },
  };
}

async function openBlob(file: FileHandle): Promise<OpenBlob> {
  const { size } = await file.stat();
  return {
    sizeBytes: size,
    async *chunks() {
      for (let position = 0; position < size; ) {
        const buffer = Buffer.allocUnsafe(Math.min(maxChunkBytes, size - position));
        const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, position);
        if (bytesRead === 0) throw new Error("a blob became shorter while it was read");
        position += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    },
    close: () => file.close(),
  };
}

function pathOf(root: string, key: BlobKey): string {
  if (!/^[0-9a-f]{64}$/.test(key.sha256)) throw new Error("blob keys are SHA-256 in lower-case hex");
  const name = `${key.sha256}${suffixes[key.kind]}`;
  return join(root, key.sha256.slice(0, 2), key.sha256.slice(2, 4), name);
}

/** Makes a folder; the entries of newly made ones are made durable too. */
async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** A full disk is no fault of ours to hide: the caller is told, and that a later try may succeed. */
function rejectStorage(error: unknown): never {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code !== "ENOSPC" && code !== "EDQUOT") throw error;
  throw new AppError({
    code: Status.RESOURCE_EXHAUSTED,
    reason: "STORAGE_FULL",
    message: "There is no room left to store photos.",
    retryAfterMs: 60_000,
    cause: error,
  });
}

function ignoreMissing(error: unknown): undefined {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
  throw error;
}
