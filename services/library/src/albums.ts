import {
  decodePageToken,
  encodePageToken,
  failedPrecondition,
  isDeletedOwner,
  isUuid,
  resolvePageSize,
  withOutbox,
} from "@ocelli/chassis";
import type { Transaction } from "kysely";
import { z } from "zod";
import { type AlbumDeletion, type AlbumDeletionOptions, createAlbumDeletion } from "./album-deletion.ts";
import { albumNotFound, albumRoleRequired, invalidAlbum, tooDeep } from "./album-errors.ts";
import { announceAlbum, announceMoves } from "./album-events.ts";
import { parseAlbumId, parseDescription, parseName, parseParentId, parseRequestId } from "./album-input.ts";
import { accountDeleted } from "./photo-records.ts";
import { withdrawStrangers } from "./store/album-photos.ts";
import {
  type AlbumChanges,
  countAlbums,
  depthOf,
  findByRequest,
  findPosition,
  insertAlbum,
  lockTree,
  updateAlbum,
} from "./store/album-tree.ts";
import { type AlbumScope, type AlbumView, findAlbumChain, listAlbums } from "./store/album-views.ts";
import { maxAlbumDepth, visibleAlbum } from "./store/albums.ts";
import type { LibraryTables } from "./store/tables.ts";

/** What {@link createAlbums} stands on. */
export interface AlbumsOptions extends AlbumDeletionOptions {
  now: () => Date;
  newId: () => string;
  /** Most albums of one owner. */
  maxAlbums: number;
}

/** An album as a client describes it; empty texts where it says nothing. */
export interface AlbumDraft {
  name: string;
  description: string;
  parentId: string;
  requestId: string;
}

/** What a client wants changed; absent stays. */
export interface AlbumPatch {
  name?: string;
  description?: string;
  /** Empty for the top. */
  parentId?: string;
  /** Empty for the photo added last. */
  coverPhotoId?: string;
}

/** One page as the caller asks for it. */
export interface AlbumPageRequest {
  pageSize: number;
  pageToken: string;
  /** Empty for the top. */
  parentId: string;
  /** Those of others instead. */
  shared: boolean;
}

/**
 * Rules of albums. Albums that a user neither owns nor was given answer NOT_FOUND/ALBUM_NOT_FOUND in every method, those
 * that were given with a role that does not allow something PERMISSION_DENIED/ALBUM_ROLE_REQUIRED.
 */
export interface Albums extends AlbumDeletion {
  /** @throws AppError INVALID_ARGUMENT/INVALID_ALBUM, FAILED_PRECONDITION/{TOO_DEEP,TOO_MANY_ALBUMS}. */
  create(userId: string, draft: AlbumDraft): Promise<AlbumView>;
  /** The album and those above it that the user may see, the top first. */
  get(userId: string, albumId: string): Promise<{ album: AlbumView; ancestors: AlbumView[] }>;
  /** By name. @throws AppError INVALID_ARGUMENT/{INVALID_PAGE_SIZE,INVALID_PAGE_TOKEN}. */
  list(userId: string, page: AlbumPageRequest): Promise<{ albums: AlbumView[]; nextPageToken: string }>;
  /** @throws AppError INVALID_ARGUMENT/INVALID_ALBUM, FAILED_PRECONDITION/{ALBUM_CYCLE,TOO_DEEP}. */
  update(userId: string, albumId: string, patch: AlbumPatch): Promise<AlbumView>;
}

const pageLimits = { defaultSize: 50, maxSize: 200 };
const cursorSchema = z.object({
  // What comes from a client's token goes to the database, which has no NUL in text.
  sort: z
    .string()
    .max(1000)
    .refine((text) => text.isWellFormed() && !text.includes("\0")),
  id: z.uuid(),
});

/** Creates the rules of albums. */
export function createAlbums(options: AlbumsOptions): Albums {
  const { database, relay, now, newId, maxAlbums } = options;
  const { db } = database;

  async function get(userId: string, albumId: string) {
    const chain = await findAlbumChain(db, userId, parseAlbumId(albumId));
    const album = chain.at(-1);
    if (!album) throw albumNotFound();
    return { album, ancestors: chain.slice(0, -1) };
  }

  async function requireOwner(trx: Transaction<LibraryTables>, userId: string, albumId: string) {
    const album = await visibleAlbum(trx, userId, albumId);
    if (!album) throw albumNotFound();
    if (album.role !== "owner") throw albumRoleRequired();
  }

  async function add(trx: Transaction<LibraryTables>, userId: string, draft: ParsedDraft): Promise<string> {
    if (await isDeletedOwner(trx, userId)) throw accountDeleted();
    await lockTree(trx, userId);
    const earlier = draft.requestId ? await findByRequest(trx, userId, draft.requestId) : undefined;
    if (earlier !== undefined) return earlier;
    if (draft.parentId !== null) {
      await requireOwner(trx, userId, draft.parentId);
      if ((await depthOf(trx, userId, draft.parentId)) >= maxAlbumDepth) throw tooDeep(maxAlbumDepth);
    }
    if ((await countAlbums(trx, userId)) >= maxAlbums) throw tooManyAlbums(maxAlbums);
    const id = newId();
    await insertAlbum(trx, { ...draft, id, ownerId: userId, createdAt: now() });
    await announceAlbum(trx, userId, id);
    return id;
  }

  async function change(
    trx: Transaction<LibraryTables>,
    userId: string,
    albumId: string,
    changes: AlbumChanges,
  ): Promise<void> {
    await lockTree(trx, userId);
    await requireOwner(trx, userId, albumId);
    const { parentId } = changes;
    if (parentId !== undefined) {
      if (parentId !== null) await requireOwner(trx, userId, parentId);
      const position = await findPosition(trx, userId, albumId, parentId);
      if (!position) throw albumNotFound();
      if (position.parentIsBelow) throw albumCycle();
      if (position.parentDepth + position.height > maxAlbumDepth) throw tooDeep(maxAlbumDepth);
    }
    if (!(await updateAlbum(trx, { ownerId: userId, albumId, at: now() }, changes))) throw coverNotInAlbum();
    // Where it lies decides who may see it.
    if (parentId !== undefined) {
      await announceMoves(trx, userId, await withdrawStrangers(trx, userId, albumId), "removed");
    }
    if (changes.name !== undefined) await announceAlbum(trx, userId, albumId);
  }

  return {
    ...createAlbumDeletion(options),
    get,
    async create(userId, draft) {
      const parsed = parseDraft(draft);
      const id = await withOutbox(db, relay, (trx) => add(trx, userId, parsed));
      return (await get(userId, id)).album;
    },
    async list(userId, page) {
      const scope = await scopeOf(userId, page);
      const size = resolvePageSize(page.pageSize, pageLimits);
      const list = ["albums", scope];
      const after = decodePageToken(page.pageToken, cursorSchema, list);
      const found = await listAlbums(db, { userId, scope, after, limit: size + 1 });
      const albums = found.slice(0, size);
      const last = found.length > size ? albums.at(-1) : undefined;
      return { albums, nextPageToken: last ? encodePageToken({ sort: last.sort, id: last.id }, list) : "" };
    },
    async update(userId, albumId, patch) {
      const id = parseAlbumId(albumId);
      const changes = parsePatch(patch);
      await withOutbox(db, relay, (trx) => change(trx, userId, id, changes));
      return (await get(userId, id)).album;
    },
  };

  async function scopeOf(userId: string, page: AlbumPageRequest): Promise<AlbumScope> {
    if (page.shared) {
      if (page.parentId === "") return { kind: "shared" };
      throw invalidAlbum([{ field: "shared", description: "must not be given together with a parent" }]);
    }
    const parentId = parseParentId(page.parentId);
    if (parentId === null) return { kind: "top" };
    if (!(await visibleAlbum(db, userId, parentId))) throw albumNotFound();
    return { kind: "below", parentId };
  }
}

type ParsedDraft = ReturnType<typeof parseDraft>;

function parseDraft(draft: AlbumDraft) {
  return {
    name: parseName(draft.name),
    description: parseDescription(draft.description),
    parentId: parseParentId(draft.parentId),
    requestId: parseRequestId(draft.requestId),
  };
}

function parsePatch({ name, description, parentId, coverPhotoId }: AlbumPatch): AlbumChanges {
  return {
    ...(name === undefined ? {} : { name: parseName(name) }),
    ...(description === undefined ? {} : { description: parseDescription(description) }),
    ...(parentId === undefined ? {} : { parentId: parseParentId(parentId) }),
    ...(coverPhotoId === undefined ? {} : { coverPhotoId: parseCoverId(coverPhotoId) }),
  };
}

function parseCoverId(text: string): string | null {
  if (text === "") return null;
  if (!isUuid(text)) throw coverNotInAlbum();
  return text;
}

function coverNotInAlbum() {
  return invalidAlbum([{ field: "cover_photo_id", description: "must be a photo of the album" }]);
}

function albumCycle() {
  return failedPrecondition("ALBUM_CYCLE", "An album cannot lie in itself or in one below it.");
}

function tooManyAlbums(max: number) {
  return failedPrecondition("TOO_MANY_ALBUMS", `There may be at most ${max} albums.`);
}
