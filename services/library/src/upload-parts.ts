import { type FileHandle, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isUuid, maxChunkBytes } from "@ocelli/chassis";
import { partSuffix } from "./blobs/pending-files.ts";
import { ignoreMissing, rejectStorage } from "./blobs/storage-errors.ts";

/** The bytes of an upload so far, open for more. */
export interface OpenPart {
  /** Bytes in the file, durable or not. */
  readonly sizeBytes: number;
  /** Drops what lies beyond. */
  truncate(sizeBytes: number): Promise<void>;
  /** @throws AppError RESOURCE_EXHAUSTED/STORAGE_FULL. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Makes what was written durable. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Files of uploads in pieces: `<id>.part` in the temporary folder of the blob store. */
export interface UploadParts {
  /** Opens the file of an upload; it need not exist. */
  open(id: string): Promise<OpenPart>;
  /** The bytes from the first on; none when there is no file. */
  read(id: string): AsyncIterable<Uint8Array>;
  /** Harmless when there is none. */
  remove(id: string): Promise<void>;
  /** Ids of all files that are there. */
  list(): Promise<string[]>;
}

/** Creates the files of a folder. */
export function createUploadParts(folder: string): UploadParts {
  const pathOf = (id: string) => {
    if (!isUuid(id)) throw new Error("the id of an upload is a UUID");
    return join(folder, `${id}${partSuffix}`);
  };
  return {
    async open(id) {
      const path = pathOf(id);
      const isThere = await stat(path).catch(ignoreMissing);
      return openPart(await open(path, isThere ? "r+" : "w+", 0o600).catch(rejectStorage));
    },
    read: (id) => readPart(pathOf(id)),
    remove: (id) => rm(pathOf(id), { force: true }),
    async list() {
      const names = await readdir(folder);
      return names
        .filter((name) => name.endsWith(partSuffix))
        .map((name) => name.slice(0, -partSuffix.length))
        .filter(isUuid);
    },
  };
}

async function openPart(file: FileHandle): Promise<OpenPart> {
  const { size } = await file.stat();
  return {
    sizeBytes: size,
    truncate: (sizeBytes) => file.truncate(sizeBytes),
    async write(bytes, position) {
      // One write may store less than it was given.
      for (let done = 0; done < bytes.byteLength; ) {
        const left = bytes.byteLength - done;
        done += (await file.write(bytes, done, left, position + done).catch(rejectStorage)).bytesWritten;
      }
    },
    sync: () => file.sync().catch(rejectStorage),
    close: () => file.close(),
  };
}

async function* readPart(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path, "r").catch(ignoreMissing);
  if (!file) return;
  try {
    for (;;) {
      const buffer = Buffer.allocUnsafe(maxChunkBytes);
      const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}
