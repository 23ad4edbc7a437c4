import { type AppError, appendEvent, type Database, notFound, overloaded, type Relay } from "@ocelli/chassis";
import { events } from "@ocelli/contracts";
import { createBacklog } from "./backlog.ts";
import type { BlobStore, PendingBlob } from "./blobs/blob-store.ts";
import { cleanFilename } from "./filename.ts";
import { createImageIntake, type ImageIntakeOptions } from "./image-intake.ts";
import { createPixelBudget } from "./images/pixel-budget.ts";
import type { ImageFacts, Photo } from "./photo.ts";
import { createSingleFlight } from "./single-flight.ts";
import { findBytes, findPhoto, insertPhoto, newPhotoStages } from "./store/photos.ts";
import { countUnfinished } from "./store/stages.ts";
import type { LibraryTables } from "./store/tables.ts";
import { type ReceivedBody, receiveBody } from "./upload-body.ts";

/** What {@link createIngest} stands on. */
export interface IngestOptions {
  database: Database<LibraryTables>;
  blobs: BlobStore;
  relay: Pick<Relay, "kick">;
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
   *   RESOURCE_EXHAUSTED/{FILE_TOO_LARGE,INGEST_QUEUE_FULL,ANALYSIS_BACKLOG_FULL}; nothing is stored then.
   */
  upload(upload: Upload): Promise<Ingested>;
}

const queueRetryAfterMs = 1_000;

/** Creates the intake of a library. */
export function createIngest(options: IngestOptions): Ingest {
  const { database, blobs, limits } = options;
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
    const leave = upload.interactive ? await backlog.admit() : undefined;
    let stored = false;
    try {
      const image = await intake.store(body, file, known.image);
      const ingested = await record(upload, image);
      stored = !ingested.duplicate;
      return ingested;
    } finally {
      leave?.(stored);
    }
  }

  async function record(upload: Upload, image: ImageFacts): Promise<Ingested> {
    const { ownerId } = upload;
    const photo: Photo = {
      ...image,
      id: options.newId(),
      ownerId,
      filename: cleanFilename(upload.filename),
      favorite: false,
      createdAt: options.now(),
      stages: newPhotoStages(),
    };
    const isNew = await db.transaction().execute(async (trx) => {
      if (!(await insertPhoto(trx, photo))) return false;
      await appendEvent(trx, { type: events.photoReady, message: toReadyEvent(photo) });
      return true;
    });
    if (isNew) {
      options.relay.kick();
      return { photo, duplicate: false };
    }
    // Another replica was faster with the same bytes.
    const { photoId } = await findBytes(db, ownerId, image.sha256);
    return { photo: await earlier(ownerId, photoId ?? ""), duplicate: true };
  }

  async function earlier(ownerId: string, photoId: string): Promise<Photo> {
    const photo = photoId === "" ? undefined : await findPhoto(db, ownerId, photoId);
    if (!photo) throw notFound("PHOTO_NOT_FOUND", "The photo was deleted while it was uploaded again.");
    return photo;
  }

  async function receive(upload: Upload): Promise<Ingested> {
    const file = await blobs.createPending();
    try {
      const body = await receiveBody(upload.chunks, file, limits.maxUploadBytes);
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

function toReadyEvent(photo: Photo) {
  return {
    photo: { photoId: photo.id, ownerId: photo.ownerId, sha256: photo.sha256 },
    width: photo.width,
    height: photo.height,
    filename: photo.filename,
    takenAt: photo.takenAt ?? undefined,
    createdAt: photo.createdAt,
  };
}
