import {
  type AppError,
  type Database,
  decodePageToken,
  encodePageToken,
  notFound,
  resolvePageSize,
} from "@ocelli/chassis";
import { z } from "zod";
import type { BlobStore, OpenBlob } from "./blobs/blob-store.ts";
import { type BlobKind, isPhotoId, type Photo } from "./photo.ts";
import { findContent, findPhoto, listPhotos } from "./store/photos.ts";
import type { LibraryTables } from "./store/tables.ts";

/** What {@link createPhotos} stands on. */
export interface PhotosOptions {
  database: Database<LibraryTables>;
  blobs: BlobStore;
}

/** One page as the caller asks for it. */
export interface PageRequest {
  /** 0 means the default. */
  pageSize: number;
  /** Empty for the first page. */
  pageToken: string;
}

/** Bytes of a photo, open for reading; the caller closes them. */
export interface PhotoContent {
  mediaType: string;
  /** Strong entity tag without quotes. */
  etag: string;
  blob: OpenBlob;
}

/** What an owner can read. Unknown ids, malformed ids and other owners' photos answer alike. */
export interface Photos {
  /** @throws AppError NOT_FOUND/PHOTO_NOT_FOUND. */
  get(ownerId: string, photoId: string): Promise<Photo>;
  /** Newest first. @throws AppError INVALID_ARGUMENT/{INVALID_PAGE_SIZE,INVALID_PAGE_TOKEN}. */
  list(ownerId: string, page: PageRequest): Promise<{ photos: Photo[]; nextPageToken: string }>;
  /** @throws AppError NOT_FOUND/PHOTO_NOT_FOUND. */
  open(ownerId: string, photoId: string, kind: BlobKind): Promise<PhotoContent>;
}

const pageLimits = { defaultSize: 50, maxSize: 200 };
const listName = "photos";

/** Creates the reading side of a library. */
export function createPhotos({ database: { db }, blobs }: PhotosOptions): Photos {
  return {
    async get(ownerId, photoId) {
      const photo = isPhotoId(photoId) ? await findPhoto(db, ownerId, photoId) : undefined;
      if (!photo) throw photoNotFound();
      return photo;
    },
    async list(ownerId, page) {
      const size = resolvePageSize(page.pageSize, pageLimits);
      const after = decodePageToken(page.pageToken, z.uuid(), listName);
      const found = await listPhotos(db, { ownerId, after, limit: size + 1 });
      const photos = found.slice(0, size);
      const last = found.length > size ? photos.at(-1) : undefined;
      return { photos, nextPageToken: last ? encodePageToken(last.id, listName) : "" };
    },
    async open(ownerId, photoId, kind) {
      const find = () => (isPhotoId(photoId) ? findContent(db, ownerId, photoId) : undefined);
      const content = await find();
      if (!content) throw photoNotFound();
      const blob = await openBlob(blobs, content.sha256, kind).catch(async (error: unknown) => {
        // Deleted in between, row first and file after.
        throw (await find()) ? error : photoNotFound();
      });
      return {
        mediaType: kind === "original" ? content.mediaType : "image/jpeg",
        etag: `${content.sha256}-${kind}`,
        blob,
      };
    },
  };
}

/** NOT_FOUND/PHOTO_NOT_FOUND. */
export function photoNotFound(): AppError {
  return notFound("PHOTO_NOT_FOUND", "There is no such photo.");
}

/**
 * Opens bytes that a photo says exist.
 * @throws Error when the blob store lost them; it reaches the caller as INTERNAL and the log in full.
 */
export async function openBlob(blobs: BlobStore, sha256: string, kind: BlobKind): Promise<OpenBlob> {
  const blob = await blobs.open({ sha256, kind });
  if (!blob) throw new Error(`the blob store has no ${kind} of ${sha256}`);
  return blob;
}
