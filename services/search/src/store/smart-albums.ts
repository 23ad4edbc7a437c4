import { type Kysely, sql } from "kysely";
import type { SearchTables } from "./tables.ts";

/** A search under a name, as it is stored. */
export interface StoredSmartAlbum {
  id: string;
  name: string;
  query: string;
  /** `ocelli.search.v1.SearchFilter`, encoded; empty for none. */
  filter: Buffer;
  createdAt: Date;
  updatedAt: Date;
  /** What it is listed by. */
  sort: string;
}

/** What can be changed; absent stays. */
export interface SmartAlbumChanges {
  name?: string;
  query?: string;
  filter?: Buffer;
}

// The bytes' order, the same on every server whatever its locale.
const sort = sql<string>`lower(name) collate "C"`;
const columns = [
  "id",
  "name",
  "query",
  "filter",
  "created_at as createdAt",
  "updated_at as updatedAt",
  sort.as("sort"),
] as const;

/** Keeps others from adding to the owner's smart albums until the transaction ends: their number is bounded. */
export async function lockSmartAlbums(trx: Kysely<SearchTables>, ownerId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`smart albums ${ownerId}`}, 0))`.execute(trx);
}

/** The album that an earlier request of that id made. */
export async function findByRequest(
  db: Kysely<SearchTables>,
  ownerId: string,
  requestId: string,
): Promise<StoredSmartAlbum | undefined> {
  return db
    .selectFrom("smart_albums")
    .select(columns)
    .where("owner_id", "=", ownerId)
    .where("request_id", "=", requestId)
    .executeTakeFirst();
}

export async function countSmartAlbums(db: Kysely<SearchTables>, ownerId: string): Promise<number> {
  const { count } = await db
    .selectFrom("smart_albums")
    .select(sql<number>`count(*)::int`.as("count"))
    .where("owner_id", "=", ownerId)
    .executeTakeFirstOrThrow();
  return count;
}

/** Stores a new one. */
export async function insertSmartAlbum(
  db: Kysely<SearchTables>,
  album: Required<SmartAlbumChanges> & {
    id: string;
    ownerId: string;
    requestId: string | null;
    createdAt: Date;
  },
): Promise<StoredSmartAlbum> {
  const { id, ownerId, requestId, createdAt, name, query, filter } = album;
  return db
    .insertInto("smart_albums")
    .values({
      ...{ id, name, query, filter },
      owner_id: ownerId,
      request_id: requestId,
      created_at: createdAt,
      updated_at: createdAt,
    })
    .returning(columns)
    .executeTakeFirstOrThrow();
}

export async function findSmartAlbum(
  db: Kysely<SearchTables>,
  ownerId: string,
  id: string,
): Promise<StoredSmartAlbum | undefined> {
  return db
    .selectFrom("smart_albums")
    .select(columns)
    .where("owner_id", "=", ownerId)
    .where("id", "=", id)
    .executeTakeFirst();
}

/** By name, case ignored; of equal ones by id. */
export async function listSmartAlbums(
  db: Kysely<SearchTables>,
  query: { ownerId: string; after: { sort: string; id: string } | undefined; limit: number },
): Promise<StoredSmartAlbum[]> {
  const { after } = query;
  return db
    .selectFrom("smart_albums")
    .select(columns)
    .where("owner_id", "=", query.ownerId)
    .$if(after !== undefined, (list) =>
      list.where(sql<boolean>`(${sort}, id) > (${after?.sort} collate "C", ${after?.id}::uuid)`),
    )
    .orderBy(sort)
    .orderBy("id")
    .limit(query.limit)
    .execute();
}

/** The album as it is afterwards; undefined when there is none of the owner's. */
export async function updateSmartAlbum(
  db: Kysely<SearchTables>,
  album: { ownerId: string; id: string; at: Date },
  changes: SmartAlbumChanges,
): Promise<StoredSmartAlbum | undefined> {
  return db
    .updateTable("smart_albums")
    .set({ ...changes, updated_at: album.at })
    .where("owner_id", "=", album.ownerId)
    .where("id", "=", album.id)
    .returning(columns)
    .executeTakeFirst();
}

/** False when there was none of the owner's. */
export async function deleteSmartAlbum(
  db: Kysely<SearchTables>,
  ownerId: string,
  id: string,
): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom("smart_albums")
    .where("owner_id", "=", ownerId)
    .where("id", "=", id)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}
