import { type Database, notFound } from "@ocelli/chassis";
import type { AlbumPhotos } from "./album-photos.ts";
import { createBacklog } from "./backlog.ts";
import type { PendingBlob } from "./blobs/blob-store.ts";
import { cleanFilename } from "./filename.ts";
import type { ImageIntake } from "./image-intake.ts";
import { type ImageFacts, newPhotoDetails, type Photo } from "./photo.ts";
import type { PhotoChanges } from "./photo-changes.ts";
import type { PhotoRecords, Recorded } from "./photo-records.ts";
import { fits, largestBody, type Quotas, quotaExceeded } from "./quotas.ts";
import type { Reception } from "./reception.ts";
import { createSingleFlight } from "./single-flight.ts";
import { newPhotoStages } from "./store/photo-rows.ts";
import { findBytes, findPhoto } from "./store/photos.ts";
import { countUnfinished } from "./store/stages.ts";
import type { LibraryTables } from "./store/tables.ts";
import { type ReceivedBody, receiveBody } from "./upload-body.ts";

/** What {@link createIngest} stands on. */
export interface IngestOptions {
  database: Database<LibraryTables>;
  reception: Reception;
  intake: ImageIntake;
  changes: Pick<PhotoChanges, "changeMany">;
  records: PhotoRecords;
  albums: Pick<AlbumPhotos, "checkUpload" | "add">;
  quotas: Pick<Quotas, "usageOf">;
  now: () => Date;
  /** Makes a UUIDv7. */
  newId: () => string;
  limits: IngestLimits;
  /** Told of the bytes of each photo that was taken in, for metrics. */
  onStored: (bytes: number) => void;
}

/** Bounds of everything an upload may cost; see the settings of the same names. */
export interface IngestLimits {
  maxUploadBytes: number;
  interactiveBacklog: number;
}

/** One upload. */
export interface Upload {
  ownerId: string;
  /** As the client said. */
  filename: string;
  /** True when somebody waits for live results. */
  interactive: boolean;
  /** Album to put the photo into; empty for none. */
  albumId: string;
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
   *   PERMISSION_DENIED/{ACCOUNT_DELETED,ALBUM_ROLE_REQUIRED}, NOT_FOUND/ALBUM_NOT_FOUND; nothing is stored then.
   */
  upload(upload: Upload): Promise<Ingested>;
}

/** Creates the intake of a library. */
export function createIngest(options: IngestOptions): Ingest {
  const { database, reception, limits, intake, records, quotas, changes, albums } = options;
  const { db } = database;
  const backlog = createBacklog({
    limit: limits.interactiveBacklog,
    count: (limit) => countUnfinished(db, limit),
    nowMs: () => performance.now(),
  });
  const owned = createSingleFlight<Ingested>();

  async function takeIn(upload: Upload, body: ReceivedBody, file: PendingBlob): Promise<Ingested> {
    const known = await findBytes(db, upload.ownerId, body.sha256);
    const before = await earlier(upload.ownerId, known.photoId);
    if (before) return { photo: before, duplicate: true };
    if (!fits(await quotas.usageOf(upload.ownerId), body.sizeBytes)) throw quotaExceeded();
    const leave = upload.interactive ? await backlog.admit() : undefined;
    let stored = false;
    try {
      const { photo, recorded } = await store(upload, body, file, known.image);
      stored = recorded === "stored";
      if (stored) {
        options.onStored(body.sizeBytes);
        return { photo, duplicate: false };
      }
    } finally {
      leave?.(stored);
    }
    // Another replica was faster with the same bytes.
    const { photoId } = await findBytes(db, upload.ownerId, body.sha256);
    const photo = await earlier(upload.ownerId, photoId);
    if (!photo) throw notFound("PHOTO_NOT_FOUND", "The photo was deleted while it was uploaded again.");
    return { photo, duplicate: true };
  }

  /** Facts and files of bytes that are known need not be made again. */
  async function store(
    upload: Upload,
    body: ReceivedBody,
    file: PendingBlob,
    known: ImageFacts | undefined,
  ): Promise<{ photo: Photo; recorded: Recorded }> {
    if (known && (await intake.isStored(body.sha256))) {
      const [problem] = intake.judge(known).problems;
      if (problem) throw problem;
      const photo = toPhoto(upload, known);
      const recorded = await records.add(photo, undefined, upload.albumId || undefined);
      if (recorded !== "image-gone") return { photo, recorded };
    }
    const staged = await intake.stage(body, file);
    try {
      const photo = toPhoto(upload, staged.facts);
      return { photo, recorded: await records.add(photo, staged, upload.albumId || undefined) };
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
      ...newPhotoDetails(),
      createdAt: options.now(),
      stages: newPhotoStages(),
    };
  }

  /** Who sends a photo again that lies in the trash wants to have it. */
  async function earlier(ownerId: string, photoId: string | undefined): Promise<Photo | undefined> {
    const photo = photoId === undefined ? undefined : await findPhoto(db, ownerId, photoId);
    if (!photo?.trashedAt) return photo;
    await changes.changeMany(ownerId, [photo.id], { trashed: false });
    return findPhoto(db, ownerId, photo.id);
  }

  async function receive(upload: Upload): Promise<Ingested> {
    await albums.checkUpload(upload.ownerId, upload.albumId);
    const ingested = await receiveFile(upload);
    if (upload.albumId === "") return ingested;
    const { photo, duplicate } = ingested;
    // A new photo went in when it was stored.
    if (duplicate) await albums.add(upload.ownerId, upload.albumId, [photo.id]);
    // Read again: it says now which albums hold it.
    return { photo: (await findPhoto(db, upload.ownerId, photo.id)) ?? photo, duplicate };
  }

  async function receiveFile(upload: Upload): Promise<Ingested> {
    return reception.receive(upload.ownerId, async (file) => {
      const quotaBytes = largestBody(await quotas.usageOf(upload.ownerId));
      const body = await receiveBody(upload.chunks, file, { maxBytes: limits.maxUploadBytes, quotaBytes });
      const key = `${upload.ownerId}/${body.sha256}`;
      const { value, joined } = await owned.run(key, () => takeIn(upload, body, file));
      return joined ? { ...value, duplicate: true } : value;
    });
  }

  return { upload: receive };
}
