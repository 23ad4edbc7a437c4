import { type Kysely, type RawBuilder, sql } from "kysely";
import type { SharedRole } from "./album-tables.ts";
import type { LibraryTables } from "./tables.ts";

type Store = Kysely<LibraryTables>;

/** What a user may do in an album. */
export type AlbumRole = "owner" | SharedRole;

/** Albums of the top have depth 1. The database's walks up and down a tree are bounded by it too. */
export const maxAlbumDepth = 10;

/** An album as far as access to it goes. */
export interface VisibleAlbum {
  id: string;
  ownerId: string;
  parentId: string | null;
  /** The best of what the user was given for this album and those above it. */
  role: AlbumRole;
}

/**
 * The album, when it is the user's own or shared with the user, itself or one above it; undefined alike for unknown
 * albums and those of others. `albumId` must be a UUID.
 */
export async function visibleAlbum(
  db: Store,
  userId: string,
  albumId: string,
): Promise<VisibleAlbum | undefined> {
  const { rows } = await sql<VisibleAlbum>`
    with recursive chain as (${chainOf(sql`a.id = ${albumId}`)})
    select a.id, a.owner_id as "ownerId", a.parent_id as "parentId", ${roleIn(userId)} as role
    from library.albums a
    where a.id = ${albumId} and ${roleIn(userId)} is not null
      and not exists (select from library.deleted_owners d where d.user_id = a.owner_id)`.execute(db);
  return rows[0];
}

/** The part of a recursive query that goes from albums to those above them: (album_id, id, parent_id, owner_id, level). */
export function chainOf(start: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`
    select a.id as album_id, a.id, a.parent_id, a.owner_id, 1 as level from library.albums a where ${start}
    union all
    select chain.album_id, above.id, above.parent_id, above.owner_id, chain.level + 1
    from chain join library.albums above on above.id = chain.parent_id
    where chain.level < ${maxAlbumDepth}`;
}

/** The user's role in the album `a`, of which `chain` holds the albums above; null when it is none of the user's. */
export function roleIn(userId: string): RawBuilder<AlbumRole> {
  // Of the two roles that can be given, the lesser is also the later in the alphabet.
  return sql`(case when a.owner_id = ${userId}::uuid then 'owner' else (
    select min(s.role) from chain join library.album_shares s on s.album_id = chain.id
    where chain.album_id = a.id and s.user_id = ${userId}::uuid
  ) end)`;
}
