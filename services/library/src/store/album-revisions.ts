import { type Kysely, sql } from "kysely";
import type { LibraryTables } from "./tables.ts";

/** An album as others are told of it. */
export interface RevisedAlbum {
  id: string;
  ownerId: string;
  name: string;
  /** Grows with every change of any album; of two changes of one album the later has the greater. */
  revision: number;
}

/**
 * Counts a change of some albums of an owner, whose rows stay locked until the transaction ends: a number is only taken
 * once every earlier change of the same album has committed.
 */
export async function reviseAlbums(
  trx: Kysely<LibraryTables>,
  ownerId: string,
  albumIds: readonly string[],
): Promise<RevisedAlbum[]> {
  const { rows } = await sql<RevisedAlbum>`
    update library.albums set revision = nextval('library.album_revisions')
    where owner_id = ${ownerId} and id = any(${[...albumIds]}::uuid[])
    returning id, owner_id as "ownerId", name, revision`.execute(trx);
  return rows;
}

/** A page of everybody's albums by id, but for those of deleted owners. */
export async function listRevisedAlbums(
  db: Kysely<LibraryTables>,
  page: { after: string | undefined; limit: number },
): Promise<RevisedAlbum[]> {
  const { after } = page;
  return db
    .selectFrom("albums as a")
    .select(["a.id", "a.owner_id as ownerId", "a.name", "a.revision"])
    .where(sql<boolean>`not exists (select from library.deleted_owners d where d.user_id = a.owner_id)`)
    .$if(after !== undefined, (query) => query.where("a.id", ">", after ?? ""))
    .orderBy("a.id")
    .limit(page.limit)
    .execute();
}
