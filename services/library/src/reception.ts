import type { BlobStore, PendingBlob } from "./blobs/blob-store.ts";
import { queueFull } from "./imaging.ts";

/** What {@link createReception} stands on. */
export interface ReceptionOptions {
  blobs: Pick<BlobStore, "createPending">;
  /** Bodies received at once. */
  concurrency: number;
}

/** The door that every body comes in by, whether it is to stay or only to be looked at. */
export interface Reception {
  /**
   * Lends a file to `use`, for as long as that takes.
   * @throws AppError RESOURCE_EXHAUSTED/INGEST_QUEUE_FULL, and what `use` throws.
   */
  receive<T>(use: (file: PendingBlob) => Promise<T>): Promise<T>;
}

/** Creates the door of a library. */
export function createReception({ blobs, concurrency }: ReceptionOptions): Reception {
  let receiving = 0;

  async function lend<T>(use: (file: PendingBlob) => Promise<T>): Promise<T> {
    const file = await blobs.createPending();
    try {
      return await use(file);
    } finally {
      await file.discard();
    }
  }

  return {
    async receive(use) {
      if (receiving >= concurrency) throw queueFull();
      receiving += 1;
      try {
        return await lend(use);
      } finally {
        receiving -= 1;
      }
    },
  };
}
