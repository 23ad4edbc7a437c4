import { type Kysely, type RawBuilder, sql } from "kysely";
import type { Photo } from "../photo.ts";
import type { PhotoFilter, PhotoOrder } from "../photo-filter.ts";
import { isInAlbum } from "./photo-albums.ts";
import { ownerIsThere, type PhotoRow, selectPhotos, toPhoto } from "./photo-rows.ts";
import type { LibraryTables } from "./tables.ts";

/** Where a page begins: behind this photo. */
export interface PhotoCursor {
  id: string;
  /** What the list is sorted by, before the id. */
  at: Date;
}

/** One page of photos. */
export interface PhotoPage {
  ownerId: string;
  filter: PhotoFilter;
  order: PhotoOrder;
  after: PhotoCursor | undefined;
  limit: number;
}

/** A photo with its place in the list. */
export interface ListedPhoto {
  photo: Photo;
  cursor: PhotoCursor;
}

type Photos = ReturnType<typeof selectPhotos>;

/** A page of an owner's photos with their stages and albums, in one query whatever its size. */
export async function listPhotos(db: Kysely<LibraryTables>, page: PhotoPage): Promise<ListedPhoto[]> {
  const rows = await pageQuery(db, page).execute();
  return rows.map((row) => ({ photo: toPhoto(row), cursor: cursorOf(row, page.order) }));
}

/** Where a page behind this photo begins. */
export function cursorOf(row: PhotoRow, { by }: PhotoOrder): PhotoCursor {
  return { id: row.id, at: by === "added" ? row.created_at : row.captured_at };
}

/** The query of {@link listPhotos}, for looking at its plan. */
export function pageQuery(db: Kysely<LibraryTables>, page: PhotoPage): Photos {
  const { ownerId, filter } = page;
  let query = ordered(selectPhotos(db, ownerId), page).limit(page.limit);
  for (const condition of [whose(ownerId, filter), ...conditionsOf(ownerId, filter)]) {
    query = query.where(condition);
  }
  return query;
}

/** Photos of others are seen through an album alone, and never those that their owners keep back. */
function whose(ownerId: string, filter: PhotoFilter): RawBuilder<boolean> {
  if (filter.albumId === undefined || filter.trashed || filter.hidden) {
    return sql<boolean>`p.owner_id = ${ownerId} and ${ownerIsThere(ownerId)}`;
  }
  return sql<boolean>`not exists (select from library.deleted_owners where user_id = p.owner_id)`;
}

/** Literals for what is one of two, as in the indexes: a parameter would hide that a partial index fits. */
function conditionsOf(ownerId: string, filter: PhotoFilter): RawBuilder<boolean>[] {
  const { takenFrom, takenUntil, camera, mediaType, failedStage } = filter;
  const conditions: (RawBuilder<boolean> | undefined)[] = [
    filter.trashed ? sql`p.trashed_at is not null` : sql`p.trashed_at is null`,
    filter.trashed && filter.hidden === undefined ? undefined : isTrue("p.hidden", filter.hidden ?? false),
    filter.albumId === undefined ? undefined : isInAlbum(filter.albumId),
    takenFrom && sql`p.captured_at >= ${takenFrom}`,
    takenUntil && sql`p.captured_at < ${takenUntil}`,
    camera === undefined ? undefined : contains("i.camera", camera),
    ...keptFromOthers(ownerId, filter),
    mediaType === undefined ? undefined : sql`i.media_type = ${mediaType}`,
    filter.hasFaces === undefined
      ? undefined
      : filter.hasFaces
        ? sql`p.face_count > 0`
        : sql`p.face_count = 0`,
    failedStage === undefined ? undefined : hasFailed(failedStage),
  ];
  return conditions.filter((condition) => condition !== undefined);
}

/**
 * What those with whom an album is shared are not told of its photos must not be found out by asking for it either: to
 * them nothing was taken anywhere, and nothing is a favourite.
 */
function keptFromOthers(
  ownerId: string,
  { albumId, place, favorite }: PhotoFilter,
): (RawBuilder<boolean> | undefined)[] {
  const isOwn = sql<boolean>`p.owner_id = ${ownerId}`;
  const isFavorite = favorite === undefined ? undefined : isTrue("p.favorite", favorite);
  const isThere =
    place === undefined
      ? undefined
      : sql<boolean>`(${contains("i.city", place)} or ${contains("i.region", place)} or ${contains("i.country", place)})`;
  if (albumId === undefined) return [isThere, isFavorite];
  return [
    isThere && sql<boolean>`(${isOwn} and ${isThere})`,
    isFavorite && (favorite ? sql`(${isOwn} and p.favorite)` : sql`(not ${isOwn} or not p.favorite)`),
  ];
}

function isTrue(column: string, wanted: boolean): RawBuilder<boolean> {
  return wanted ? sql`${sql.ref(column)}` : sql`not ${sql.ref(column)}`;
}

/** Case ignored, of all letters: `ilike` knows only those of the database's locale, which may be English ones alone. */
function contains(column: string, text: string): RawBuilder<boolean> {
  return sql`${sql.ref(column)} ~ ${[...text].map(anyCase).join("")}`;
}

/** A regular expression for one character, which stands for itself. */
function anyCase(character: string): string {
  const cases = new Set([character, character.toLowerCase(), character.toUpperCase()]);
  if (cases.size === 1) return /[\p{L}\p{N}\s]/u.test(character) ? character : `\\${character}`;
  // Some have another case of several letters, e.g. the sharp s.
  return `(${[...cases].join("|")})`;
}

function hasFailed(stage: string): RawBuilder<boolean> {
  const which = stage === "any" ? sql`` : sql`and f.stage = ${stage}`;
  return sql`exists (select from library.photo_stages f
    where f.owner_id = p.owner_id and f.photo_id = p.id and f.status = 'FAILED' ${which})`;
}

const columns = { added: "p.created_at", taken: "p.captured_at" } as const;

function ordered(query: Photos, { order, after }: PhotoPage): Photos {
  const direction = order.descending ? "desc" : "asc";
  const column = columns[order.by];
  const sorted = query.orderBy(column, direction).orderBy("p.id", direction);
  if (!after) return sorted;
  const beyond = order.descending ? sql`<` : sql`>`;
  return sorted.where(sql<boolean>`(${sql.ref(column)}, p.id) ${beyond} (${after.at}, ${after.id})`);
}
