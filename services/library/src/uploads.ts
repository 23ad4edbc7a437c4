import {
  AppError,
  type Database,
  failedPrecondition,
  invalidArgument,
  isUuid,
  notFound,
  overloaded,
  tooLarge,
} from "@ocelli/chassis";
import { Status } from "nice-grpc-common";
import type { AlbumPhotos } from "./album-photos.ts";
import { cleanFilename } from "./filename.ts";
import { queueFull } from "./imaging.ts";
import type { Ingest, Ingested } from "./ingest.ts";
import { createOwnerPlaces } from "./owner-places.ts";
import { accountDeleted } from "./photo-records.ts";
import type { Photos } from "./photos.ts";
import { largestBody, type Quotas, quotaExceeded } from "./quotas.ts";
import type { LibraryTables } from "./store/tables.ts";
import {
  deleteExpiredUploads,
  deleteUpload,
  endUpload,
  findUpload,
  findUploadsWithBytes,
  insertUpload,
  type StoredUpload,
} from "./store/uploads.ts";
import { appendToPart } from "./upload-append.ts";
import { type UploadLease, uploadBusy, withUploadLease } from "./upload-lease.ts";
import type { UploadParts } from "./upload-parts.ts";

/** What {@link createUploads} stands on. */
export interface UploadsOptions {
  database: Database<LibraryTables>;
  parts: UploadParts;
  ingest: Ingest;
  photos: Pick<Photos, "get">;
  quotas: Pick<Quotas, "usageOf">;
  albums: Pick<AlbumPhotos, "checkUpload">;
  /** Makes a UUIDv7. */
  newId: () => string;
  limits: UploadLimits;
}

/** See the settings of the same names. */
export interface UploadLimits {
  maxUploadBytes: number;
  uploadConcurrency: number;
  maxOpenUploads: number;
  uploadLifetimeMs: number;
}

/** An upload to open. */
export interface UploadDraft {
  sizeBytes: number;
  filename: string;
  /** Empty for none. */
  albumId: string;
}

/** Uploads in pieces. Unknown, expired and other users' uploads answer NOT_FOUND/UPLOAD_NOT_FOUND alike. */
export interface Uploads {
  /**
   * @throws AppError INVALID_ARGUMENT/INVALID_UPLOAD, RESOURCE_EXHAUSTED/{FILE_TOO_LARGE,QUOTA_EXCEEDED,
   *   TOO_MANY_UPLOADS}, NOT_FOUND/ALBUM_NOT_FOUND, PERMISSION_DENIED/{ACCOUNT_DELETED,ALBUM_ROLE_REQUIRED}.
   */
  create(ownerId: string, draft: UploadDraft): Promise<StoredUpload>;
  get(ownerId: string, uploadId: string): Promise<StoredUpload>;
  /**
   * Adds bytes; what arrived before a break is kept. @returns how far the upload has come.
   * @throws AppError FAILED_PRECONDITION/{OFFSET_MISMATCH,UPLOAD_FINISHED}, ABORTED/UPLOAD_BUSY,
   *   INVALID_ARGUMENT/{UPLOAD_TOO_LONG,CHUNK_TOO_LARGE}, RESOURCE_EXHAUSTED/{STORAGE_FULL,INGEST_QUEUE_FULL}.
   */
  append(
    ownerId: string,
    at: { uploadId: string; offset: number },
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<number>;
  /**
   * Takes a complete upload in; asked again it answers alike.
   * @throws AppError FAILED_PRECONDITION/UPLOAD_INCOMPLETE, ABORTED/UPLOAD_BUSY, and all of `Ingest.upload`.
   */
  finish(ownerId: string, uploadId: string): Promise<Ingested>;
  delete(ownerId: string, uploadId: string): Promise<void>;
  /** Drops uploads that nobody went on with, and files that belong to none. */
  sweep(): Promise<void>;
}

/** Creates the rules of uploads in pieces. */
export function createUploads(options: UploadsOptions): Uploads {
  const { database, parts, limits, quotas, photos } = options;
  const { db } = database;
  const places = createOwnerPlaces({ total: limits.uploadConcurrency, onFull: queueFull });

  async function find(ownerId: string, uploadId: string): Promise<StoredUpload> {
    const upload = isUuid(uploadId) ? await findUpload(db, ownerId, uploadId) : undefined;
    if (!upload) throw uploadNotFound();
    return upload;
  }

  async function create(ownerId: string, draft: UploadDraft): Promise<StoredUpload> {
    const { sizeBytes, filename } = draft;
    assertSize(sizeBytes, limits.maxUploadBytes);
    if (sizeBytes > largestBody(await quotas.usageOf(ownerId))) throw quotaExceeded();
    const albumId = (await options.albums.checkUpload(ownerId, draft.albumId)) ?? null;
    const upload = { id: options.newId(), ownerId, filename: cleanFilename(filename), albumId, sizeBytes };
    const lifetimeMs = limits.uploadLifetimeMs;
    const created = await insertUpload(db, { ...upload, lifetimeMs }, limits.maxOpenUploads);
    if (created === "owner-gone") throw accountDeleted();
    if (created === "too-many") throw tooManyUploads(limits.maxOpenUploads);
    return created;
  }

  async function append(
    ownerId: string,
    { uploadId, offset }: { uploadId: string; offset: number },
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<number> {
    const { photo_id, failure_reason } = await find(ownerId, uploadId);
    if (photo_id !== null || failure_reason !== null) throw uploadFinished();
    const done = await places.run(ownerId, () =>
      withUploadLease(database, ownerId, uploadId, (lease) =>
        appendToPart({ db, parts, lifetimeMs: limits.uploadLifetimeMs }, lease, offset, chunks),
      ),
    );
    if (!done) throw uploadBusy();
    return done.value;
  }

  async function takeIn(lease: UploadLease): Promise<Ingested> {
    const { upload } = lease;
    const file = { ownerId: upload.owner_id, filename: upload.filename, albumId: upload.album_id ?? "" };
    try {
      const chunks = wholePart(parts, upload);
      const ingested = await options.ingest.upload({ ...file, interactive: false, chunks });
      await endUpload(db, upload.id, lease.id, {
        photo_id: ingested.photo.id,
        duplicate: ingested.duplicate,
      });
      await parts.remove(upload.id);
      return ingested;
    } catch (error) {
      // These bytes will never be a photo, so they need not be kept.
      if (error instanceof AppError && error.code === Status.INVALID_ARGUMENT) {
        const { reason, message } = error;
        await endUpload(db, upload.id, lease.id, { failure_reason: reason, failure_message: message });
        await parts.remove(upload.id);
      }
      throw error;
    }
  }

  async function finish(ownerId: string, uploadId: string): Promise<Ingested> {
    const upload = await find(ownerId, uploadId);
    const { photo_id, failure_reason, failure_message, duplicate } = upload;
    if (photo_id !== null) return { photo: await photos.get(ownerId, photo_id), duplicate };
    if (failure_reason !== null) throw invalidArgument(failure_reason, failure_message ?? "");
    if (upload.offset_bytes < upload.size_bytes) throw uploadIncomplete();
    const done = await withUploadLease(database, ownerId, uploadId, takeIn);
    if (!done) throw uploadBusy();
    return done.value;
  }

  return {
    create,
    get: find,
    append,
    finish,
    async delete(ownerId, uploadId) {
      if (!isUuid(uploadId) || !(await deleteUpload(db, ownerId, uploadId))) throw uploadNotFound();
      await parts.remove(uploadId);
    },
    async sweep() {
      await deleteExpiredUploads(db);
      // Files first: each is made after its row.
      const ids = await parts.list();
      const wanted = ids.length === 0 ? new Set() : await findUploadsWithBytes(db, ids);
      for (const id of ids) if (!wanted.has(id)) await parts.remove(id);
    },
  };
}

/** The bytes of a complete upload. @throws AppError FAILED_PRECONDITION/UPLOAD_INCOMPLETE when some were lost. */
async function* wholePart(parts: UploadParts, upload: StoredUpload): AsyncGenerator<Uint8Array> {
  let sizeBytes = 0;
  for await (const chunk of parts.read(upload.id)) {
    sizeBytes += chunk.byteLength;
    yield chunk;
  }
  if (sizeBytes !== upload.size_bytes) throw uploadIncomplete();
}

function assertSize(sizeBytes: number, maxBytes: number): void {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 1) {
    throw invalidArgument("INVALID_UPLOAD", "An upload has at least one byte.", [
      { field: "size_bytes", description: "must be a whole number, 1 or more" },
    ]);
  }
  if (sizeBytes > maxBytes) throw tooLarge("FILE_TOO_LARGE", `The file is larger than ${maxBytes} bytes.`);
}

function uploadNotFound(): AppError {
  return notFound("UPLOAD_NOT_FOUND", "There is no such upload.");
}

function uploadFinished(): AppError {
  return failedPrecondition("UPLOAD_FINISHED", "This upload has ended; it takes no more bytes.");
}

function uploadIncomplete(): AppError {
  return failedPrecondition("UPLOAD_INCOMPLETE", "Bytes of this upload are still missing.");
}

function tooManyUploads(limit: number): AppError {
  const message = `You have ${limit} unfinished uploads; finish or delete some.`;
  return overloaded("TOO_MANY_UPLOADS", message, 60_000);
}
