import { type Kysely, type RawBuilder, sql } from "kysely";
import { type AlbumRole, chainOf, roleIn } from "./albums.ts";
import type { LibraryTables } from "./tables.ts";

type Store = Kysely<LibraryTables>;

/** An album as a user sees it. */
export interface AlbumView {
  id: string;
  ownerId: string;
  name: string;
  description: string;
  /** Null at the top, and where the user may not see the album above. */
  parentId: string | null;
  /** The one chosen while it is shown, else the photo added last; null without photos. */
  coverPhotoId: string | null;
  /** Photos shown in it, without those below. */
  photoCount: number;
  /** Albums directly below. */
  albumCount: number;
  role: AlbumRole;
  createdAt: Date;
  updatedAt: Date;
}

/** Where a page of albums begins: behind this one. */
export interface AlbumCursor {
  /** What the album is sorted by besides its id. */
  sort: string;
  id: string;
}

/** An album with its place in the list. */
export type ListedAlbum = AlbumView & { sort: string };

/** Which albums: below one (the caller sees to it that the user may see it), of one's own at the top, or of others. */
export type AlbumScope = { kind: "below"; parentId: string } | { kind: "top" } | { kind: "shared" };

/** One page of albums. */
export interface AlbumPage {
  userId: string;
  scope: AlbumScope;
  after: AlbumCursor | undefined;
  limit: number;
}

/** A page by name with counts and covers, in one query whatever its size. */
export async function listAlbums(db: Store, page: AlbumPage): Promise<ListedAlbum[]> {
  const { userId, after } = page;
  const beyond = after ? sql`and (lower(a.name), a.id) > (${after.sort}, ${after.id}::uuid)` : sql``;
  const { rows } = await viewsOf(
    userId,
    sql`select a.*, 0 as level from library.albums a
      where ${inScope(page)} and ${ownerIsThere()} ${beyond}
      order by lower(a.name), a.id limit ${page.limit}`,
  ).execute(db);
  return rows;
}

/** The album and those above it that the user may see, the top first; empty when the album is none of the user's. */
export async function findAlbumChain(db: Store, userId: string, albumId: string): Promise<AlbumView[]> {
  const { rows } = await viewsOf(
    userId,
    sql`with recursive chain as (${chainOf(sql`a.id = ${albumId}`)})
      select a.*, chain.level from chain join library.albums a on a.id = chain.id where ${ownerIsThere()}`,
  ).execute(db);
  return rows.at(-1)?.id === albumId ? rows : [];
}

/** True for photos (`p`) that members of an album see: those in the trash and hidden ones are their owners' alone. */
export const isShown: RawBuilder<boolean> = sql`(p.trashed_at is null and not p.hidden
  and not exists (select from library.deleted_owners d where d.user_id = p.owner_id))`;

function inScope({ userId, scope }: AlbumPage): RawBuilder<boolean> {
  if (scope.kind === "below") return sql`a.parent_id = ${scope.parentId}`;
  if (scope.kind === "top") return sql`a.owner_id = ${userId} and a.parent_id is null`;
  return sql`a.id in (select s.album_id from library.album_shares s where s.user_id = ${userId})`;
}

function ownerIsThere(): RawBuilder<boolean> {
  return sql`not exists (select from library.deleted_owners d where d.user_id = a.owner_id)`;
}

/** Views of the albums that `page` selects, with the `level` by which it wants them ordered. */
function viewsOf(userId: string, page: RawBuilder<unknown>): RawBuilder<ListedAlbum> {
  return sql<ListedAlbum>`
    with recursive page as (${page}), chain as (${chainOf(sql`a.id in (select page.id from page)`)})
    select a.id, a.owner_id as "ownerId", a.name, a.description, lower(a.name) as sort,
      ${visibleParent(userId)} as "parentId", ${coverOf()} as "coverPhotoId",
      (select count(*)::int from library.album_photos ap join library.photos p on p.id = ap.photo_id
        where ap.album_id = a.id and ${isShown}) as "photoCount",
      (select count(*)::int from library.albums below where below.parent_id = a.id) as "albumCount",
      ${roleIn(userId)} as role, a.created_at as "createdAt", a.updated_at as "updatedAt"
    from page a where ${roleIn(userId)} is not null
    order by a.level desc, lower(a.name), a.id`;
}

/** Who was given an album does not learn where its owner keeps it. */
function visibleParent(userId: string): RawBuilder<string | null> {
  return sql`case when a.owner_id = ${userId} or exists (
    select from chain join library.album_shares s on s.album_id = chain.id
    where chain.album_id = a.id and chain.level > 1 and s.user_id = ${userId}
  ) then a.parent_id end`;
}

function coverOf(): RawBuilder<string | null> {
  const shown = sql`from library.album_photos ap join library.photos p on p.id = ap.photo_id
    where ap.album_id = a.id and ${isShown}`;
  return sql`coalesce(
    (select ap.photo_id ${shown} and ap.photo_id = a.cover_photo_id),
    (select ap.photo_id ${shown} order by ap.added_at desc, ap.photo_id desc limit 1))`;
}
