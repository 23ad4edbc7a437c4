import type { BlobStore, PendingBlob } from "./blobs/blob-store.ts";
import { queueFull } from "./imaging.ts";
import { createOwnerPlaces } from "./owner-places.ts";

/** What {@link createReception} stands on. */
export interface ReceptionOptions {
  blobs: Pick<BlobStore, "createPending">;
  /** Bodies received at once; of one owner half as many. */
  concurrency: number;
}

/** The door that every body comes in by, whether it is to stay or only to be looked at. */
export interface Reception {
  /**
   * Lends a file to `use`, for as long as that takes.
   * @throws AppError RESOURCE_EXHAUSTED/INGEST_QUEUE_FULL, and what `use` throws.
   */
  receive<T>(ownerId: string, use: (file: PendingBlob) => Promise<T>): Promise<T>;
}

/** Creates the door of a library. */
export function createReception({ blobs, concurrency }: ReceptionOptions): Reception {
  // A body may trickle in for minutes: whoever sends many such must not keep everybody else's out.
  const places = createOwnerPlaces({ total: concurrency, onFull: queueFull });

  async function lend<T>(use: (file: PendingBlob) => Promise<T>): Promise<T> {
    const file = await blobs.createPending();
    try {
      return await use(file);
    } finally {
      await file.discard();
    }
  }

  return { receive: (ownerId, use) => places.run(ownerId, () => lend(use)) };
}
