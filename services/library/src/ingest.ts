import { type AppError, type Database, notFound, overloaded } from "@ocelli/chassis";
import { createBacklog } from "./backlog.ts";
import type { BlobStore, PendingBlob } from "./blobs/blob-store.ts";
import { cleanFilename } from "./filename.ts";
import { createImageIntake, type ImageIntakeOptions } from "./image-intake.ts";
import { createPixelBudget } from "./images/pixel-budget.ts";
import type { ImageFacts, Photo } from "./photo.ts";
import type { PhotoRecords, Recorded } from "./photo-records.ts";
import { fits, largestBody, type Quotas, quotaExceeded } from "./quotas.ts";
import { createSingleFlight } from "./single-flight.ts";
import { findBytes, findPhoto, newPhotoStages } from "./store/photos.ts";
import { countUnfinished } from "./store/stages.ts";
import type { LibraryTables } from "./store/tables.ts";
import { type ReceivedBody, receiveBody } from "./upload-body.ts";

/** What {@link createIngest} stands on. */
export interface IngestOptions {
  database: Database<LibraryTables>;
  blobs: BlobStore;
  records: PhotoRecords;
  quotas: Pick<Quotas, "usageOf">;
  now: () => Date;
  /** Makes a UUIDv7. */
  newId: () => string;
  limits: IngestLimits;
}

/** Bounds of everything an upload may cost; see the settings of the same names. */
export interface IngestLimits {
  maxUploadBytes: number;
  uploadConcurrency: number;
  maxImagePixels: number;
  decodeTimeoutMs: number;
  decodeConcurrency: number;
  decodePixelBudget: number;
  ingestQueue: number;
  interactiveBacklog: number;
}

/** One upload. */
export interface Upload {
  ownerId: string;
  /** As the client said. */
  filename: string;
  /** True when somebody waits for live results. */
  interactive: boolean;
  chunks: AsyncIterable<Uint8Array>;
}

/** A stored photo. */
export interface Ingested {
  photo: Photo;
  /** True when the owner had these bytes before. */
  duplicate: boolean;
}

/** Takes photos in. */
export interface Ingest {
  /**
   * Resolves when the photo is durable and its event is on the way.
   * @throws AppError INVALID_ARGUMENT/{EMPTY_FILE,UNSUPPORTED_MEDIA_TYPE,CORRUPT_IMAGE,TOO_MANY_PIXELS},
   *   RESOURCE_EXHAUSTED/{FILE_TOO_LARGE,QUOTA_EXCEEDED,INGEST_QUEUE_FULL,ANALYSIS_BACKLOG_FULL},
   *   PERMISSION_DENIED/ACCOUNT_DELETED; nothing is stored then.
   */
  upload(upload: Upload): Promise<Ingested>;
}

const queueRetryAfterMs = 1_000;

/** Creates the intake of a library. */
export function createIngest(options: IngestOptions): Ingest {
  const { database, blobs, limits, records, quotas } = options;
  const { db } = database;
  const slots = createPixelBudget({
    pixels: limits.decodePixelBudget,
    concurrency: limits.decodeConcurrency,
    queueLimit: limits.ingestQueue,
    onFull: queueFull,
  });
  const backlog = createBacklog({
    limit: limits.interactiveBacklog,
    count: (limit) => countUnfinished(db, limit),
    nowMs: () => performance.now(),
  });
  const intake = createImageIntake(intakeOptions(options, slots));
  const owned = createSingleFlight<Ingested>();
  let receiving = 0;

  async function takeIn(upload: Upload, body: ReceivedBody, file: PendingBlob): Promise<Ingested> {
    const known = await findBytes(db, upload.ownerId, body.sha256);
    if (known.photoId !== undefined)
      return { photo: await earlier(upload.ownerId, known.photoId), duplicate: true };
    if (!fits(await quotas.usageOf(upload.ownerId), body.sizeBytes)) throw quotaExceeded();
    const leave = upload.interactive ? await backlog.admit() : undefined;
    let stored = false;
    try {
      const { photo, recorded } = await store(upload, body, file, known.image);
      stored = recorded === "stored";
      if (stored) return { photo, duplicate: false };
    } finally {
      leave?.(stored);
    }
    // Another replica was faster with the same bytes.
    const { photoId } = await findBytes(db, upload.ownerId, body.sha256);
    return { photo: await earlier(upload.ownerId, photoId ?? ""), duplicate: true };
  }

  /** Facts and files of bytes that are known need not be made again. */
  async function store(
    upload: Upload,
    body: ReceivedBody,
    file: PendingBlob,
    known: ImageFacts | undefined,
  ): Promise<{ photo: Photo; recorded: Recorded }> {
    if (known && (await intake.isStored(body.sha256))) {
      const photo = toPhoto(upload, known);
      const recorded = await records.add(photo, undefined);
      if (recorded !== "image-gone") return { photo, recorded };
    }
    const staged = await intake.stage(body, file);
    try {
      const photo = toPhoto(upload, staged.facts);
      return { photo, recorded: await records.add(photo, staged) };
    } finally {
      await staged.discard();
    }
  }

  function toPhoto(upload: Upload, image: ImageFacts): Photo {
    return {
      ...image,
      id: options.newId(),
      ownerId: upload.ownerId,
      filename: cleanFilename(upload.filename),
      favorite: false,
      createdAt: options.now(),
      stages: newPhotoStages(),
    };
  }

  async function earlier(ownerId: string, photoId: string): Promise<Photo> {
    const photo = photoId === "" ? undefined : await findPhoto(db, ownerId, photoId);
    if (!photo) throw notFound("PHOTO_NOT_FOUND", "The photo was deleted while it was uploaded again.");
    return photo;
  }

  async function receive(upload: Upload): Promise<Ingested> {
    const quotaBytes = largestBody(await quotas.usageOf(upload.ownerId));
    const file = await blobs.createPending();
    try {
      const body = await receiveBody(upload.chunks, file, { maxBytes: limits.maxUploadBytes, quotaBytes });
      const key = `${upload.ownerId}/${body.sha256}`;
      const { value, joined } = await owned.run(key, () => takeIn(upload, body, file));
      return joined ? { ...value, duplicate: true } : value;
    } finally {
      await file.discard();
    }
  }

  return {
    async upload(upload) {
      if (receiving >= limits.uploadConcurrency) throw queueFull();
      receiving += 1;
      try {
        return await receive(upload);
      } finally {
        receiving -= 1;
      }
    },
  };
}

function intakeOptions(
  { blobs, limits, now }: IngestOptions,
  slots: ImageIntakeOptions["slots"],
): ImageIntakeOptions {
  return {
    blobs,
    slots,
    now,
    limits: { maxPixels: limits.maxImagePixels, timeoutMs: limits.decodeTimeoutMs },
  };
}

function queueFull(): AppError {
  return overloaded(
    "INGEST_QUEUE_FULL",
    "Too many photos are being taken in; try again in a moment.",
    queueRetryAfterMs,
  );
}
