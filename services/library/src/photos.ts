import {
  type AppError,
  type Database,
  decodePageToken,
  encodePageToken,
  invalidArgument,
  notFound,
  resolvePageSize,
} from "@ocelli/chassis";
import { z } from "zod";
import { albumNotFound } from "./album-errors.ts";
import type { ByteRange, OpenBlob } from "./blobs/blob-store.ts";
import type { CleanOriginals } from "./clean-originals.ts";
import type { Contents } from "./contents.ts";
import { type BlobKind, isPhotoId, type Photo } from "./photo.ts";
import { assertFilter, type PhotoFilter, type PhotoOrder } from "./photo-filter.ts";
import { asSharedPhoto } from "./shared-photo.ts";
import { visibleAlbum } from "./store/albums.ts";
import { readablePhoto } from "./store/photo-access.ts";
import { listPhotos, type PhotoCursor } from "./store/photo-list.ts";
import { findContent, findPhoto, findShownPhotos } from "./store/photos.ts";
import type { LibraryTables } from "./store/tables.ts";

/** What {@link createPhotos} stands on. */
export interface PhotosOptions {
  database: Database<LibraryTables>;
  contents: Contents;
  clean: CleanOriginals;
}

/** One page as the caller asks for it. */
export interface PageRequest {
  /** 0 means the default. */
  pageSize: number;
  /** Empty for the first page. */
  pageToken: string;
  filter: PhotoFilter;
  order: PhotoOrder;
}

/** Bytes of a photo, open for reading; the caller closes them. */
export interface PhotoContent {
  mediaType: string;
  /** Strong entity tag without quotes. */
  etag: string;
  blob: OpenBlob;
}

/**
 * What users can read: their own photos, and those of others in albums that they may see. Unknown ids, malformed ids and
 * other photos answer alike.
 */
export interface Photos {
  /** Without its place where it is not the caller's. @throws AppError NOT_FOUND/PHOTO_NOT_FOUND. */
  get(ownerId: string, photoId: string): Promise<Photo>;
  /**
   * Several of the caller's own photos, each once, in the order asked; without those that are unknown, of others, hidden
   * or in the trash.
   * @throws AppError INVALID_ARGUMENT/{INVALID_PHOTO_IDS,TOO_MANY_PHOTOS}.
   */
  getMany(ownerId: string, photoIds: readonly string[]): Promise<Photo[]>;
  /**
   * A page of the caller's photos; with an album also those of others in it.
   * @throws AppError INVALID_ARGUMENT/{INVALID_PAGE_SIZE,INVALID_PAGE_TOKEN,INVALID_FILTER}, NOT_FOUND/ALBUM_NOT_FOUND.
   */
  list(ownerId: string, page: PageRequest): Promise<{ photos: Photo[]; nextPageToken: string }>;
  /**
   * Opens all or a part of the bytes; originals of others come encoded anew, without metadata.
   * @throws AppError NOT_FOUND/PHOTO_NOT_FOUND, OUT_OF_RANGE/RANGE_NOT_SATISFIABLE.
   */
  open(ownerId: string, photoId: string, kind: BlobKind, range?: ByteRange): Promise<PhotoContent>;
}

const pageLimits = { defaultSize: 50, maxSize: 200 };
const maxPhotosAtOnce = 200;
const cursorSchema = z
  .object({ id: z.uuid(), at: z.int().min(-8.64e15).max(8.64e15) })
  .transform(({ id, at }): PhotoCursor => ({ id, at: new Date(at) }));

/** Creates the reading side of a library. */
export function createPhotos({ database: { db }, contents, clean }: PhotosOptions): Photos {
  // Most photos that are asked for are the caller's own: only the others cost a look at albums.
  async function find(userId: string, photoId: string): Promise<Photo | undefined> {
    const own = await findPhoto(db, userId, photoId);
    if (own) return own;
    const shared = await readablePhoto(db, userId, photoId);
    return shared && findPhoto(db, shared.ownerId, photoId, userId);
  }

  async function findBytes(userId: string, photoId: string) {
    const own = await findContent(db, userId, photoId);
    if (own) return { ...own, isOwn: true };
    const shared = await readablePhoto(db, userId, photoId);
    const content = shared && (await findContent(db, shared.ownerId, photoId));
    return content && { ...content, isOwn: false };
  }

  return {
    async get(ownerId, photoId) {
      const photo = isPhotoId(photoId) ? await find(ownerId, photoId) : undefined;
      if (!photo) throw photoNotFound();
      return asSeenBy(ownerId, photo);
    },
    async getMany(ownerId, photoIds) {
      assertCount(photoIds.length);
      const ids = [...new Set(photoIds.filter(isPhotoId).map((id) => id.toLowerCase()))];
      const found = await findShownPhotos(db, ownerId, ids);
      const byId = new Map(found.map((photo) => [photo.id, photo]));
      return ids.flatMap((id) => byId.get(id) ?? []);
    },
    async list(ownerId, { filter, order, ...page }) {
      assertFilter(filter);
      if (filter.albumId !== undefined && !(await visibleAlbum(db, ownerId, filter.albumId)))
        throw albumNotFound();
      const size = resolvePageSize(page.pageSize, pageLimits);
      const list = ["photos", filter, order];
      const after = decodePageToken(page.pageToken, cursorSchema, list);
      const found = await listPhotos(db, { ownerId, filter, order, after, limit: size + 1 });
      const shown = found.slice(0, size);
      const last = found.length > size ? shown.at(-1)?.cursor : undefined;
      return {
        photos: shown.map(({ photo }) => asSeenBy(ownerId, photo)),
        nextPageToken: last ? encodePageToken({ id: last.id, at: last.at.getTime() }, list) : "",
      };
    },
    async open(ownerId, photoId, kind, range) {
      const look = () => (isPhotoId(photoId) ? findBytes(ownerId, photoId) : undefined);
      const content = await look();
      if (!content) throw photoNotFound();
      const { sha256, mediaType, isOwn } = content;
      const opening =
        kind === "original" && !isOwn
          ? clean.open(sha256, range)
          : contents.open(sha256, kind, range).then((blob) => ({ mediaType, blob }));
      const opened = await opening.catch(async (error: unknown) => {
        // Deleted in between, row first and file after.
        throw (await look()) ? error : photoNotFound();
      });
      return {
        mediaType: kind === "original" ? opened.mediaType : "image/jpeg",
        etag: `${sha256}-${kind}${isOwn ? "" : "-shared"}`,
        blob: opened.blob,
      };
    },
  };
}

function assertCount(count: number): void {
  if (count >= 1 && count <= maxPhotosAtOnce) return;
  const reason = count === 0 ? "INVALID_PHOTO_IDS" : "TOO_MANY_PHOTOS";
  throw invalidArgument(reason, `Ask for 1 to ${maxPhotosAtOnce} photos at once.`, [
    { field: "photo_ids", description: `must be 1 to ${maxPhotosAtOnce} ids` },
  ]);
}

function asSeenBy(userId: string, photo: Photo): Photo {
  return photo.ownerId === userId ? photo : asSharedPhoto(photo);
}

/** NOT_FOUND/PHOTO_NOT_FOUND. */
export function photoNotFound(): AppError {
  return notFound("PHOTO_NOT_FOUND", "There is no such photo.");
}
