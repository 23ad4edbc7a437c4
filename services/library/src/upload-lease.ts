import { randomUUID } from "node:crypto";
import { AppError, type Database } from "@ocelli/chassis";
import { Status } from "nice-grpc-common";
import type { LibraryTables } from "./store/tables.ts";
import { leaseUpload, releaseUpload, renewLease, type StoredUpload } from "./store/uploads.ts";

/** The right to work on the file of an upload, alone among all replicas. */
export interface UploadLease {
  readonly id: string;
  readonly upload: StoredUpload;
  /** @throws AppError ABORTED/UPLOAD_BUSY when somebody else may have it by now. */
  assertHeld(): void;
}

/** What a lease lasts unless it is renewed, as it is while somebody works. A process that died holds it no longer. */
const leaseMs = 30_000;
const renewMs = 10_000;

/**
 * Does something to an open upload while nobody else does.
 * @returns undefined when the upload is not open, or taken.
 */
export async function withUploadLease<T>(
  { db }: Database<LibraryTables>,
  ownerId: string,
  uploadId: string,
  work: (lease: UploadLease) => Promise<T>,
): Promise<{ value: T } | undefined> {
  const id = randomUUID();
  let heldUntil = performance.now() + leaseMs;
  const upload = await leaseUpload(db, ownerId, uploadId, { id, ms: leaseMs });
  if (!upload) return undefined;

  async function renew(): Promise<void> {
    const until = performance.now() + leaseMs;
    const kept = await renewLease(db, uploadId, { id, ms: leaseMs }).catch(() => undefined);
    // While the store does not answer the lease may still last.
    if (kept !== undefined) heldUntil = kept ? until : 0;
  }
  const timer = setInterval(() => void renew(), renewMs);
  const assertHeld = () => {
    if (performance.now() >= heldUntil) throw uploadBusy();
  };
  try {
    return { value: await work({ id, upload, assertHeld }) };
  } finally {
    clearInterval(timer);
    // Should this fail, it runs out.
    await releaseUpload(db, uploadId, id).catch(() => undefined);
  }
}

/** ABORTED/UPLOAD_BUSY. */
export function uploadBusy(): AppError {
  return new AppError({
    code: Status.ABORTED,
    reason: "UPLOAD_BUSY",
    message: "Bytes of this upload are still arriving, or it is just being taken in; try again in a moment.",
    retryAfterMs: 1_000,
  });
}
