import { type Database, decodePageToken, encodePageToken, resolvePageSize } from "@ocelli/chassis";
import { z } from "zod";
import { listRevisedAlbums, type RevisedAlbum } from "./store/album-revisions.ts";
import { type IndexablePhoto, listIndexPhotos } from "./store/index-photos.ts";
import type { LibraryTables } from "./store/tables.ts";

/** One page as the caller asks for it. */
export interface IndexPageRequest {
  /** 0 means the default. */
  pageSize: number;
  /** Empty for the first page. */
  pageToken: string;
}

/**
 * Everything of everybody, for whoever builds an index anew; which callers may ask is checked before. What is added while
 * pages are read may be missed: its events come all the same. Albums first: what a page of photos says of an album is
 * then at least as new as the album's revision.
 */
export interface IndexListing {
  /** Hidden photos and the trash included. @throws AppError INVALID_ARGUMENT/{INVALID_PAGE_SIZE,INVALID_PAGE_TOKEN}. */
  photos(page: IndexPageRequest): Promise<{ photos: IndexablePhoto[]; nextPageToken: string }>;
  /** @throws AppError INVALID_ARGUMENT/{INVALID_PAGE_SIZE,INVALID_PAGE_TOKEN}. */
  albums(page: IndexPageRequest): Promise<{ albums: RevisedAlbum[]; nextPageToken: string }>;
}

const pageLimits = { defaultSize: 200, maxSize: 500 };

/** Creates {@link IndexListing}. */
export function createIndexListing({
  database: { db },
}: {
  database: Database<LibraryTables>;
}): IndexListing {
  async function pageOf<T extends { id: string }>(
    name: string,
    { pageSize, pageToken }: IndexPageRequest,
    read: (page: { after: string | undefined; limit: number }) => Promise<T[]>,
  ): Promise<{ items: T[]; nextPageToken: string }> {
    const size = resolvePageSize(pageSize, pageLimits);
    const after = decodePageToken(pageToken, z.uuid(), [name]);
    const found = await read({ after, limit: size + 1 });
    const items = found.slice(0, size);
    const last = found.length > size ? items.at(-1) : undefined;
    return { items, nextPageToken: last ? encodePageToken(last.id, [name]) : "" };
  }

  return {
    async photos(page) {
      const read = await pageOf("index-photos", page, (wanted) => listIndexPhotos(db, wanted));
      return { photos: read.items, nextPageToken: read.nextPageToken };
    },
    async albums(page) {
      const read = await pageOf("index-albums", page, (wanted) => listRevisedAlbums(db, wanted));
      return { albums: read.items, nextPageToken: read.nextPageToken };
    },
  };
}
