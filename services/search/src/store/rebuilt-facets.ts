import type { eventsV1 } from "@ocelli/contracts";
import { type Kysely, sql } from "kysely";
import type { AlbumRow } from "./albums.ts";
import type { PersonRow } from "./people.ts";
import type { KnownPhoto } from "./rebuilt-documents.ts";
import type { SearchTables } from "./tables.ts";

/** Writes who is on a photo, unless an event was newer than the answer. */
export async function replacePhotoPersons(
  trx: Kysely<SearchTables>,
  { photoId, ownerId }: eventsV1.PhotoRef,
  personIds: readonly string[],
  knownRevision: number | null,
): Promise<void> {
  const person_ids = [...personIds];
  await trx
    .insertInto("document_people")
    .values({ photo_id: photoId, owner_id: ownerId, person_ids, revision: 0 })
    .onConflict((conflict) =>
      conflict
        .column("photo_id")
        .doUpdateSet({ person_ids })
        .where("document_people.owner_id", "=", ownerId)
        .where("document_people.revision", "=", knownRevision ?? -1),
    )
    .execute();
}

/**
 * Writes which albums a photo is in, each unless an event was newer than the answer. `revisions` are those of the albums
 * before the library was asked: with what it answered, no older event counts any more.
 */
export async function replacePhotoAlbums(
  trx: Kysely<SearchTables>,
  { photoId, ownerId }: eventsV1.PhotoRef,
  albumIds: readonly string[],
  { known, revisions }: { known: KnownPhoto["albums"]; revisions: ReadonlyMap<string, number> },
): Promise<void> {
  const left = known.filter(({ albumId, present }) => present && !albumIds.includes(albumId));
  const knownRevisions = new Map(known.map(({ albumId, revision }) => [albumId, revision]));
  const revisionOf = (albumId: string) =>
    Math.max(knownRevisions.get(albumId) ?? 0, revisions.get(albumId) ?? 0);
  const said = [
    ...albumIds.map((albumId) => ({ albumId, present: true, revision: revisionOf(albumId) })),
    ...left.map(({ albumId }) => ({ albumId, present: false, revision: revisionOf(albumId) })),
  ];
  if (said.length === 0) return;
  await sql`
    insert into search.document_albums (album_id, photo_id, owner_id, present, revision)
    select said."albumId", ${photoId}::uuid, ${ownerId}::uuid, said.present, said.revision
    from jsonb_to_recordset(${JSON.stringify(said)}::jsonb)
      as said("albumId" uuid, present boolean, revision bigint)
    where not exists (select from search.albums a where a.album_id = said."albumId" and a.deleted)
    order by 1
    on conflict (album_id, photo_id) do update set present = excluded.present, revision = excluded.revision
    where document_albums.owner_id = excluded.owner_id and document_albums.revision <= excluded.revision`.execute(
    trx,
  );
}

/** Newest revisions of albums, whosever they are: photos lie in albums of others, too. */
export async function findAlbumRevisions(
  db: Kysely<SearchTables>,
  albumIds: readonly string[],
): Promise<Map<string, number>> {
  const { rows } = await sql<{ album_id: string; revision: number }>`
    select album_id, revision from search.albums where album_id = any(${[...albumIds]}::uuid[])`.execute(db);
  return new Map(rows.map(({ album_id, revision }) => [album_id, revision]));
}

/** Everybody's albums that are not deleted, by id with their owners. */
export async function listKnownAlbums(db: Kysely<SearchTables>): Promise<Map<string, string>> {
  const rows = await db
    .selectFrom("albums")
    .select(["album_id", "owner_id"])
    .where("deleted", "=", false)
    .execute();
  return new Map(rows.map(({ album_id, owner_id }) => [album_id, owner_id]));
}

/** Writes what an album is, unless an event was newer: `revision` is of the newest change that the answer includes. */
export async function replaceAlbum(trx: Kysely<SearchTables>, album: AlbumRow): Promise<void> {
  await trx
    .insertInto("albums")
    .values(album)
    .onConflict((conflict) =>
      conflict
        .column("album_id")
        .doUpdateSet(album)
        .where("albums.owner_id", "=", album.owner_id)
        .where("albums.revision", "<=", album.revision),
    )
    .execute();
}

/** Forgets an album that the library does not know, and what was in it; an album that is gone never comes back. */
export async function removeAlbum(
  trx: Kysely<SearchTables>,
  { albumId, ownerId }: { albumId: string; ownerId: string },
): Promise<void> {
  await trx
    .updateTable("albums")
    .set({ deleted: true, name: "" })
    .where("album_id", "=", albumId)
    .where("owner_id", "=", ownerId)
    .execute();
  // Whosever photos they are: the album held those of others, too.
  await trx.deleteFrom("document_albums").where("album_id", "=", albumId).execute();
}

/** An owner's persons as far as they are known. */
export async function findKnownPersons(
  db: Kysely<SearchTables>,
  ownerId: string,
): Promise<Map<string, { revision: number; deleted: boolean }>> {
  const rows = await db
    .selectFrom("people")
    .select(["person_id", "revision", "deleted"])
    .where("owner_id", "=", ownerId)
    .execute();
  return new Map(rows.map(({ person_id, ...known }) => [person_id, known]));
}

/** Writes who a person is, unless an event was newer than the answer. */
export async function replacePerson(
  trx: Kysely<SearchTables>,
  person: Omit<PersonRow, "merged_into" | "revision">,
  knownRevision: number | undefined,
): Promise<void> {
  const { name, hidden, deleted } = person;
  await trx
    .insertInto("people")
    .values({ ...person, merged_into: null, revision: 0 })
    .onConflict((conflict) =>
      conflict
        .column("person_id")
        // Whom a person that is gone was merged into stays known.
        .doUpdateSet({ name, hidden, deleted, ...(deleted ? {} : { merged_into: null }) })
        .where("people.owner_id", "=", person.owner_id)
        .where("people.revision", "=", knownRevision ?? -1),
    )
    .execute();
}
