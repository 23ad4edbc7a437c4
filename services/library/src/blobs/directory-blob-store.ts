import { access, constants, type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { maxChunkBytes } from "@ocelli/chassis";
import { blobName, parseBlobName } from "./blob-names.ts";
import type { BlobKey, BlobStore, ByteRange, OpenBlob, StoredBlob } from "./blob-store.ts";
import { createPendingFile, type Publish, preparePending, removeLeftovers } from "./pending-files.ts";
import { ignoreMissing } from "./storage-errors.ts";

/**
 * Blobs in a content-addressed directory: `ab/cd/<sha256>` with renditions beside it. Files appear complete or not at
 * all (written to `tmp`, fsync, rename, fsync of the folder), so a power cut loses nothing that was acknowledged.
 * What lies in `tmp` for longer than any upload may take was left behind by a process that was killed.
 */
export function createDirectoryBlobStore(directory: string): BlobStore {
  const root = resolve(directory);
  const tmp = join(root, "tmp");
  const pathOf = (key: BlobKey) => join(root, blobName(key));

  const publish: Publish = async (file, key) => {
    const target = pathOf(key);
    await makeFolder(dirname(target));
    await rename(file.path, target);
    await syncFolder(dirname(target));
  };

  return {
    temporaryFolder: tmp,
    prepare: () => preparePending(tmp),
    check: () => access(tmp, constants.W_OK),
    removeLeftovers: () => removeLeftovers(tmp),
    createPending: () => createPendingFile(tmp, publish),
    async has(key) {
      const found = await stat(pathOf(key)).catch(ignoreMissing);
      return found?.isFile() ?? false;
    },
    async open(key, range = { offset: 0 }) {
      const file = await open(pathOf(key), "r").catch(ignoreMissing);
      return file && openBlob(file, range);
    },
    async remove(sha256) {
      // The original first: where it is, its renditions are too.
      for (const kind of ["original", "preview", "thumbnail"] as const) {
        await rm(pathOf({ sha256, kind }), { force: true });
      }
      await syncFolder(dirname(pathOf({ sha256, kind: "original" }))).catch(ignoreMissing);
    },
    list: () => listBlobs(root),
    async close() {},
  };
}

async function* listBlobs(root: string): AsyncGenerator<StoredBlob> {
  for (const first of await folders(root)) {
    for (const second of await folders(join(root, first))) {
      const names = (await readdir(join(root, first, second)).catch(ignoreMissing)) ?? [];
      for (const name of names.sort()) {
        const key = parseBlobName(`${first}/${second}/${name}`);
        const found = key && (await stat(join(root, first, second, name)).catch(ignoreMissing));
        if (key && found?.isFile()) yield { key, sizeBytes: found.size, modifiedAt: found.mtime };
      }
    }
  }
}

/** The folders of one level, in order. */
async function folders(path: string): Promise<string[]> {
  const names = (await readdir(path).catch(ignoreMissing)) ?? [];
  return names.filter((name) => /^[0-9a-f]{2}$/.test(name)).sort();
}

async function openBlob(file: FileHandle, { offset, length }: ByteRange): Promise<OpenBlob> {
  const { size } = await file.stat();
  const end = length === undefined ? size : Math.min(size, offset + length);
  return {
    sizeBytes: size,
    async *chunks() {
      for (let position = offset; position < end; ) {
        const buffer = Buffer.allocUnsafe(Math.min(maxChunkBytes, end - position));
        const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, position);
        if (bytesRead === 0) throw new Error("a blob became shorter while it was read");
        position += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    },
    close: () => file.close(),
  };
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
