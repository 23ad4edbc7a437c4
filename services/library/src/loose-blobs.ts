import type { Database } from "@ocelli/chassis";
import type { BlobStore } from "./blobs/blob-store.ts";
import { findUnused, listLoose, lockBytes, settleLoose } from "./store/loose-blobs.ts";
import type { LibraryTables } from "./store/tables.ts";

/** What {@link createLooseBlobs} stands on. */
export interface LooseBlobsOptions {
  database: Database<LibraryTables>;
  blobs: BlobStore;
}

/** Files whose bytes are no image any more, or did not become one. */
export interface LooseBlobs {
  /** Removes the files of some bytes unless they are an image's by now. */
  remove(hashes: readonly string[]): Promise<void>;
  /** Removes all such files. */
  sweep(signal?: AbortSignal): Promise<void>;
}

// Each costs three unlinks and a flushed folder, all within one transaction.
const filesAtOnce = 20;

/** Creates the sweeper. What a crash leaves undone it does at the next start. */
export function createLooseBlobs({ database: { db }, blobs }: LooseBlobsOptions): LooseBlobs {
  async function remove(hashes: readonly string[]): Promise<void> {
    await db.transaction().execute(async (trx) => {
      await lockBytes(trx, hashes);
      for (const sha256 of await findUnused(trx, hashes)) await blobs.remove(sha256);
      await settleLoose(trx, hashes);
    });
  }

  return {
    remove,
    async sweep(signal) {
      for (;;) {
        signal?.throwIfAborted();
        const hashes = await listLoose(db, filesAtOnce);
        if (hashes.length === 0) return;
        await remove(hashes);
      }
    },
  };
}
