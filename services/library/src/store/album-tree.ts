import { type Kysely, sql } from "kysely";
import type { RevisedAlbum } from "./album-revisions.ts";
import { chainOf, maxAlbumDepth } from "./albums.ts";
import type { LibraryTables } from "./tables.ts";

type Store = Kysely<LibraryTables>;

/** An album to store. */
export interface NewAlbum {
  id: string;
  ownerId: string;
  name: string;
  description: string;
  parentId: string | null;
  requestId: string | null;
  createdAt: Date;
}

/** What changes of an album; absent stays. */
export interface AlbumChanges {
  name?: string;
  description?: string;
  parentId?: string | null;
  coverPhotoId?: string | null;
}

/** What a move needs to know of an album and of where it shall lie. */
export interface TreePosition {
  /** Levels of the album and those below it; 1 for an album without any. */
  height: number;
  /** Depth of the new parent; 0 for the top. */
  parentDepth: number;
  /** Whether the new parent is the album or lies below it. */
  parentIsBelow: boolean;
}

/**
 * Lets one transaction at a time change the tree of an owner, or who may see it: what it reads of the tree stays true
 * until it ends.
 */
export async function lockTree(trx: Store, ownerId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(${treeKey(ownerId)})`.execute(trx);
}

/** Keeps an owner's tree, and who may see it, as it is until the transaction ends; others may keep it so as well. */
export async function holdTree(trx: Store, ownerId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock_shared(${treeKey(ownerId)})`.execute(trx);
}

/** The album an earlier request with the same id made. */
export async function findByRequest(
  trx: Store,
  ownerId: string,
  requestId: string,
): Promise<string | undefined> {
  const row = await trx
    .selectFrom("albums")
    .select("id")
    .where("owner_id", "=", ownerId)
    .where("request_id", "=", requestId)
    .executeTakeFirst();
  return row?.id;
}

/** How many albums an owner has. */
export async function countAlbums(trx: Store, ownerId: string): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    select count(*)::int as n from library.albums where owner_id = ${ownerId}`.execute(trx);
  return rows[0]?.n ?? 0;
}

/** How deep an album lies, 1 for the top; 0 when it is not the owner's. Ask under {@link lockTree}. */
export async function depthOf(trx: Store, ownerId: string, albumId: string): Promise<number> {
  const { rows } = await sql<{ depth: number }>`
    with recursive chain as (${chainOf(sql`a.id = ${albumId} and a.owner_id = ${ownerId}`)})
    select coalesce(max(level), 0)::int as depth from chain`.execute(trx);
  return rows[0]?.depth ?? 0;
}

/** Stores an album. */
export async function insertAlbum(trx: Store, album: NewAlbum): Promise<void> {
  await trx
    .insertInto("albums")
    .values({
      id: album.id,
      owner_id: album.ownerId,
      name: album.name,
      description: album.description,
      parent_id: album.parentId,
      request_id: album.requestId,
      cover_photo_id: null,
      created_at: album.createdAt,
      updated_at: album.createdAt,
    })
    .execute();
}

/** Looks at an album, its subtree and its parent to be; undefined when one of the two is not the owner's. */
export async function findPosition(
  trx: Store,
  ownerId: string,
  albumId: string,
  parentId: string | null,
): Promise<TreePosition | undefined> {
  const parentDepth = parentId === null ? 0 : await depthOf(trx, ownerId, parentId);
  if (parentId !== null && parentDepth === 0) return undefined;
  const { rows } = await sql<{ height: number; parentIsBelow: boolean | null }>`
    with recursive ${subtreeOf(ownerId, albumId)}
    select coalesce(max(level), 0)::int as height, bool_or(id = ${parentId}) as "parentIsBelow"
    from subtree`.execute(trx);
  const [row] = rows;
  if (!row || row.height === 0) return undefined;
  return { height: row.height, parentDepth, parentIsBelow: row.parentIsBelow ?? false };
}

/** Changes an album; false when it is not the owner's, or the cover is not in it. */
export async function updateAlbum(
  trx: Store,
  { ownerId, albumId, at }: { ownerId: string; albumId: string; at: Date },
  changes: AlbumChanges,
): Promise<boolean> {
  const { name, description, parentId, coverPhotoId } = changes;
  const { numUpdatedRows } = await trx
    .updateTable("albums")
    .set({ updated_at: at })
    .$if(name !== undefined, (query) => query.set({ name }))
    .$if(description !== undefined, (query) => query.set({ description }))
    .$if(parentId !== undefined, (query) => query.set({ parent_id: parentId }))
    .$if(coverPhotoId !== undefined, (query) => query.set({ cover_photo_id: coverPhotoId }))
    .where("id", "=", albumId)
    .where("owner_id", "=", ownerId)
    .$if(typeof coverPhotoId === "string", (query) =>
      query.where(({ exists, selectFrom }) =>
        exists(
          selectFrom("album_photos as ap")
            .select("ap.photo_id")
            .where("ap.album_id", "=", albumId)
            .where("ap.photo_id", "=", coverPhotoId ?? ""),
        ),
      ),
    )
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

/** Photos of the owner, neither hidden nor in the trash, that lie in the subtree of an album and nowhere else. */
export async function findPhotosOnlyIn(
  trx: Store,
  ownerId: string,
  albumId: string,
  limit: number,
): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    with recursive ${subtreeOf(ownerId, albumId)}
    select distinct p.id from subtree
    join library.album_photos ap on ap.album_id = subtree.id and ap.owner_id = ${ownerId}
    join library.photos p on p.id = ap.photo_id and p.owner_id = ${ownerId}
    where p.trashed_at is null and not p.hidden and not exists (
      select from library.album_photos elsewhere
      where elsewhere.photo_id = p.id and elsewhere.album_id not in (select id from subtree)
    )
    order by p.id limit ${limit}`.execute(trx);
  return rows.map(({ id }) => id);
}

/** Deletes an album and those below it; returns what was deleted, nothing when it is not the owner's. */
export async function deleteAlbums(trx: Store, ownerId: string, albumId: string): Promise<RevisedAlbum[]> {
  const { rows } = await sql<RevisedAlbum>`
    with recursive ${subtreeOf(ownerId, albumId)}
    delete from library.albums where owner_id = ${ownerId} and id in (select id from subtree)
    returning id, owner_id as "ownerId", name, nextval('library.album_revisions') as revision`.execute(trx);
  return rows;
}

/** A recursive table `subtree` of an owner's album and those below it: (id, level). */
export function subtreeOf(ownerId: string, albumId: string) {
  return sql`subtree as (
    select a.id, 1 as level from library.albums a where a.id = ${albumId} and a.owner_id = ${ownerId}
    union all
    select below.id, subtree.level + 1 from subtree join library.albums below on below.parent_id = subtree.id
    where subtree.level < ${maxAlbumDepth}
  )`;
}

function treeKey(ownerId: string) {
  return sql`hashtextextended(${`albums ${ownerId}`}, 0)`;
}
