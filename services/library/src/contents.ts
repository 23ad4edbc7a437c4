import { AppError, type Database, type Logger } from "@ocelli/chassis";
import { Status } from "nice-grpc-common";
import type { BlobStore, ByteRange, OpenBlob, PendingBlob } from "./blobs/blob-store.ts";
import { openImage } from "./images/open-image.ts";
import { makeRenditions } from "./images/renditions.ts";
import type { Imaging } from "./imaging.ts";
import type { BlobKind } from "./photo.ts";
import { createSingleFlight } from "./single-flight.ts";
import { lockBytes } from "./store/loose-blobs.ts";
import { isImage } from "./store/photos.ts";
import type { LibraryTables } from "./store/tables.ts";

/** What {@link createContents} stands on. */
export interface ContentsOptions {
  database: Database<LibraryTables>;
  blobs: BlobStore;
  imaging: Pick<Imaging, "access" | "slots">;
  log: Pick<Logger, "warn">;
}

/** The bytes that photos are said to have. */
export interface Contents {
  /**
   * Opens them; renditions that were lost are made again from the original.
   * @throws AppError OUT_OF_RANGE/RANGE_NOT_SATISFIABLE, RESOURCE_EXHAUSTED/INGEST_QUEUE_FULL; Error when the blob store
   *   lost the original, which reaches the caller as INTERNAL and the log in full.
   */
  open(sha256: string, kind: BlobKind, range?: ByteRange): Promise<OpenBlob>;
}

/** Creates the reader of bytes. */
export function createContents({ database, blobs, imaging, log }: ContentsOptions): Contents {
  const { db } = database;
  const repairs = createSingleFlight<void>();

  async function repair(sha256: string): Promise<void> {
    log.warn({ sha256 }, "a rendition is missing; it is made again from the original");
    const original = await copyOf(blobs, sha256);
    try {
      const image = await openImage(original.path, imaging.access);
      const made = await imaging.slots.run(image.cost, () => makeRenditions(image, imaging.access.limits));
      for (const kind of ["preview", "thumbnail"] as const) await restore(sha256, kind, made[kind]);
    } finally {
      await original.discard();
    }
  }

  async function restore(sha256: string, kind: BlobKind, bytes: Uint8Array): Promise<void> {
    if (await blobs.has({ sha256, kind })) return;
    const file = await blobs.createPending();
    try {
      await file.write(bytes);
      await file.sync();
      await db.transaction().execute(async (trx) => {
        await lockBytes(trx, [sha256]);
        // Deleted meanwhile: nobody would remove the file.
        if (await isImage(trx, sha256)) await file.commit({ sha256, kind });
      });
    } finally {
      await file.discard();
    }
  }

  return {
    async open(sha256, kind, range) {
      let blob = await blobs.open({ sha256, kind }, range);
      if (!blob && kind !== "original") {
        await repairs.run(sha256, () => repair(sha256));
        blob = await blobs.open({ sha256, kind }, range);
      }
      if (!blob) throw lost(sha256, kind);
      if (range && range.offset > 0 && range.offset >= blob.sizeBytes) {
        await blob.close();
        throw notSatisfiable(blob.sizeBytes);
      }
      return blob;
    },
  };
}

/** The original as a local file, wherever blobs lie; the caller discards it. */
export async function copyOf(blobs: BlobStore, sha256: string): Promise<PendingBlob> {
  const blob = await blobs.open({ sha256, kind: "original" });
  if (!blob) throw lost(sha256, "original");
  const file = await blobs.createPending();
  try {
    for await (const chunk of blob.chunks()) await file.write(chunk);
    return file;
  } catch (error) {
    await file.discard();
    throw error;
  } finally {
    await blob.close();
  }
}

function lost(sha256: string, kind: BlobKind): Error {
  return new Error(`the blob store has no ${kind} of ${sha256}`);
}

/** OUT_OF_RANGE/RANGE_NOT_SATISFIABLE. */
export function notSatisfiable(sizeBytes: number): AppError {
  return new AppError({
    code: Status.OUT_OF_RANGE,
    reason: "RANGE_NOT_SATISFIABLE",
    message: `There are only ${sizeBytes} bytes.`,
  });
}
