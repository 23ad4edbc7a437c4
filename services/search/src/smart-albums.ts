import {
  AppError,
  decodePageToken,
  encodePageToken,
  invalidArgument,
  isDeletedOwner,
  isUuid,
  notFound,
  resolvePageSize,
  tooLarge,
} from "@ocelli/chassis";
import { searchV1 } from "@ocelli/contracts";
import type { Kysely, Transaction } from "kysely";
import { z } from "zod";
import type { SearchHit } from "./ranking.ts";
import type { Searcher } from "./searcher.ts";
import {
  countSmartAlbums,
  deleteSmartAlbum,
  findByRequest,
  findSmartAlbum,
  insertSmartAlbum,
  listSmartAlbums,
  lockSmartAlbums,
  type SmartAlbumChanges,
  type StoredSmartAlbum,
  updateSmartAlbum,
} from "./store/smart-albums.ts";
import type { SearchTables } from "./store/tables.ts";

/** What {@link createSmartAlbums} stands on. */
export interface SmartAlbumsOptions {
  db: Kysely<SearchTables>;
  now: () => Date;
  newId: () => string;
  /** One page of the photos that a search finds. */
  search: (
    searcher: Searcher,
    request: searchV1.SearchRequest,
  ) => Promise<{ hits: SearchHit[]; nextPageToken: string }>;
  /** The first photos that a search finds, best first, at most `limit`. */
  findFirst: (searcher: Searcher, request: searchV1.SearchRequest, limit: number) => Promise<SearchHit[]>;
}

/** A search as a client describes it. */
export interface SmartAlbumDraft {
  name: string;
  query: string;
  filter: searchV1.SearchFilter | undefined;
  /** Empty for none. */
  requestId: string;
}

/** What a client wants changed; absent stays. */
export interface SmartAlbumPatch {
  name?: string;
  query?: string;
  filter?: searchV1.SearchFilter | undefined;
}

/** Rules of smart albums. What is not the caller's answers NOT_FOUND/SMART_ALBUM_NOT_FOUND. */
export interface SmartAlbums {
  /**
   * @throws AppError INVALID_ARGUMENT/{INVALID_NAME,INVALID_QUERY,INVALID_FILTER,INVALID_REQUEST_ID},
   *   RESOURCE_EXHAUSTED/TOO_MANY_SMART_ALBUMS, PERMISSION_DENIED/SCOPE_REQUIRED.
   */
  create(searcher: Searcher, draft: SmartAlbumDraft): Promise<searchV1.SmartAlbum>;
  get(searcher: Searcher, id: string): Promise<searchV1.SmartAlbum>;
  /** By name. @throws AppError INVALID_ARGUMENT/{INVALID_PAGE_SIZE,INVALID_PAGE_TOKEN}. */
  list(
    searcher: Searcher,
    page: searchV1.ListSmartAlbumsRequest,
  ): Promise<{ smartAlbums: searchV1.SmartAlbum[]; nextPageToken: string }>;
  /** @throws AppError INVALID_ARGUMENT/{INVALID_NAME,INVALID_QUERY,INVALID_FILTER}, PERMISSION_DENIED/SCOPE_REQUIRED. */
  update(searcher: Searcher, id: string, patch: SmartAlbumPatch): Promise<searchV1.SmartAlbum>;
  delete(searcher: Searcher, id: string): Promise<void>;
  /** @throws AppError INVALID_ARGUMENT/{INVALID_PAGE_SIZE,INVALID_PAGE_TOKEN}, PERMISSION_DENIED/SCOPE_REQUIRED. */
  listPhotos(
    searcher: Searcher,
    request: searchV1.ListSmartAlbumPhotosRequest,
  ): Promise<{ hits: SearchHit[]; nextPageToken: string }>;
}

/** Most smart albums of one owner. */
const maxSmartAlbums = 500;
/** Photos are counted up to here, where the pages of a search end too. */
const maxCount = 500;
/** Searches run at a time for one list of albums. */
const countsAtOnce = 4;
const maxName = 100;
// Every album of a page costs a search, all of them within the time of one call.
const pageLimits = { defaultSize: 20, maxSize: 20 };
const cursorSchema = z.object({
  // What comes from a client's token goes to the database, which has no NUL in text.
  sort: z
    .string()
    .max(1000)
    .refine((text) => text.isWellFormed() && !text.includes("\0")),
  id: z.uuid(),
});

/** Creates the rules of smart albums. */
export function createSmartAlbums({ db, now, newId, search, findFirst }: SmartAlbumsOptions): SmartAlbums {
  async function requireAlbum({ ownerId }: Searcher, id: string): Promise<StoredSmartAlbum> {
    const album = isUuid(id) ? await findSmartAlbum(db, ownerId, id) : undefined;
    if (!album) throw smartAlbumNotFound();
    return album;
  }

  /** The album with what it finds now; nothing, where that has become impossible or is not for the searcher to know. */
  async function describe(searcher: Searcher, album: StoredSmartAlbum): Promise<searchV1.SmartAlbum> {
    const hits = await findFirst(searcher, requestOf(album), maxCount).catch((error: unknown) => {
      if (error instanceof AppError && refusals.includes(error.reason)) return [];
      throw error;
    });
    return toSmartAlbum(album, hits);
  }

  async function addAlbum(trx: Transaction<SearchTables>, ownerId: string, draft: ParsedDraft) {
    if (await isDeletedOwner(trx, ownerId)) throw smartAlbumNotFound();
    await lockSmartAlbums(trx, ownerId);
    const earlier = draft.requestId ? await findByRequest(trx, ownerId, draft.requestId) : undefined;
    if (earlier) return earlier;
    if ((await countSmartAlbums(trx, ownerId)) >= maxSmartAlbums) throw tooManySmartAlbums();
    return insertSmartAlbum(trx, { ...draft, id: newId(), ownerId, createdAt: now() });
  }

  return {
    async create(searcher, draft) {
      const parsed = parseDraft(draft);
      // Judges query and filter before they are kept.
      await findFirst(searcher, requestOf(parsed), 1);
      const add = (trx: Transaction<SearchTables>) => addAlbum(trx, searcher.ownerId, parsed);
      return describe(searcher, await db.transaction().execute(add));
    },
    get: async (searcher, id) => describe(searcher, await requireAlbum(searcher, id)),
    async list(searcher, { pageSize, pageToken }) {
      const { ownerId } = searcher;
      const size = resolvePageSize(pageSize, pageLimits);
      const list = ["smart-albums", ownerId];
      const after = decodePageToken(pageToken, cursorSchema, list);
      const found = await listSmartAlbums(db, { ownerId, after, limit: size + 1 });
      const albums = found.slice(0, size);
      const last = found.length > size ? albums.at(-1) : undefined;
      const smartAlbums = await mapSome(albums, countsAtOnce, (album) => describe(searcher, album));
      const nextPageToken = last ? encodePageToken({ sort: last.sort, id: last.id }, list) : "";
      return { smartAlbums, nextPageToken };
    },
    async update(searcher, id, patch) {
      const changes = parsePatch(patch);
      const album = await requireAlbum(searcher, id);
      const searchesAnew = changes.query !== undefined || changes.filter !== undefined;
      if (searchesAnew) await findFirst(searcher, requestOf({ ...album, ...changes }), 1);
      const changed = await updateSmartAlbum(db, { ownerId: searcher.ownerId, id, at: now() }, changes);
      if (!changed) throw smartAlbumNotFound();
      return describe(searcher, changed);
    },
    async delete({ ownerId }, id) {
      if (!isUuid(id) || !(await deleteSmartAlbum(db, ownerId, id))) throw smartAlbumNotFound();
    },
    async listPhotos(searcher, { smartAlbumId, pageSize, pageToken }) {
      const album = await requireAlbum(searcher, smartAlbumId);
      const { hits, nextPageToken } = await search(searcher, { ...requestOf(album), pageSize, pageToken });
      return { hits, nextPageToken };
    },
  };
}

// Names that a query or filter holds may be gone by now; persons are not for everybody.
const refusals = ["INVALID_QUERY", "INVALID_FILTER", "SCOPE_REQUIRED"];

type ParsedDraft = ReturnType<typeof parseDraft>;

function parseDraft({ name, query, filter, requestId }: SmartAlbumDraft) {
  return {
    ...{ name: parseName(name), query, filter: encodeFilter(filter) },
    requestId: parseRequestId(requestId),
  };
}

function parsePatch(patch: SmartAlbumPatch): SmartAlbumChanges {
  return {
    ...(patch.name === undefined ? {} : { name: parseName(patch.name) }),
    ...(patch.query === undefined ? {} : { query: patch.query }),
    ...("filter" in patch ? { filter: encodeFilter(patch.filter) } : {}),
  };
}

function parseName(text: string): string {
  const name = text.trim();
  const fits = text.length <= 4 * maxName && name !== "" && [...name].length <= maxName;
  if (fits && name.isWellFormed() && !/\p{Cc}/u.test(name)) return name;
  throw invalidArgument("INVALID_NAME", "The name of a smart album is not valid.", [
    { field: "name", description: `must have 1 to ${maxName} characters, no control among them` },
  ]);
}

/** Empty means none. */
function parseRequestId(text: string): string | null {
  if (text === "") return null;
  if (isUuid(text)) return text;
  throw invalidArgument("INVALID_REQUEST_ID", "The request's id is not valid.", [
    { field: "request_id", description: "must be a UUID" },
  ]);
}

function encodeFilter(filter: searchV1.SearchFilter | undefined): Buffer {
  return Buffer.from(filter ? searchV1.SearchFilter.encode(filter).finish() : []);
}

function decodeFilter(stored: Buffer): searchV1.SearchFilter | undefined {
  return stored.byteLength > 0 ? searchV1.SearchFilter.decode(stored) : undefined;
}

function requestOf({ query, filter }: { query: string; filter: Buffer }): searchV1.SearchRequest {
  return { ...searchV1.SearchRequest.fromPartial({ query }), filter: decodeFilter(filter) };
}

function toSmartAlbum(album: StoredSmartAlbum, hits: readonly SearchHit[]): searchV1.SmartAlbum {
  const { id, name, query, createdAt, updatedAt } = album;
  const found = { count: hits.length, coverPhotoId: hits[0]?.photoId ?? "" };
  return { id, name, query, filter: decodeFilter(album.filter), ...found, createdAt, updatedAt };
}

/** Maps a list, a few at a time, in its order. */
async function mapSome<T, R>(
  items: readonly T[],
  atOnce: number,
  map: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += atOnce) {
    results.push(...(await Promise.all(items.slice(at, at + atOnce).map(map))));
  }
  return results;
}

function smartAlbumNotFound() {
  return notFound("SMART_ALBUM_NOT_FOUND", "There is no such smart album.");
}

function tooManySmartAlbums() {
  return tooLarge("TOO_MANY_SMART_ALBUMS", `There may be at most ${maxSmartAlbums} smart albums.`);
}
