import { type Kysely, sql } from "kysely";
import type { SearchTables } from "./tables.ts";

/** A person as face says. */
export interface PersonRow {
  person_id: string;
  owner_id: string;
  name: string;
  hidden: boolean;
  deleted: boolean;
  merged_into: string | null;
  revision: number;
}

/** Persons of a photo. */
export interface PhotoPersons {
  photoId: string;
  personIds: string[];
}

/** Writes down who a person is, unless something newer is known. */
export async function savePerson(trx: Kysely<SearchTables>, person: PersonRow): Promise<void> {
  await trx
    .insertInto("people")
    .values(person)
    .onConflict((conflict) =>
      conflict
        .column("person_id")
        .doUpdateSet(person)
        .where("people.owner_id", "=", person.owner_id)
        .where("people.revision", "<", person.revision),
    )
    .execute();
}

/** Writes down who is on which photos, where nothing newer is known; deleted photos have nobody. */
export async function savePhotoPersons(
  trx: Kysely<SearchTables>,
  ownerId: string,
  photos: readonly PhotoPersons[],
  revision: number,
): Promise<void> {
  const rows = JSON.stringify(photos.map(({ photoId, personIds }) => ({ photoId, personIds })));
  await sql`
    insert into search.document_people (photo_id, owner_id, person_ids, revision)
    select said."photoId", ${ownerId}, said."personIds", ${revision}
    from jsonb_to_recordset(${rows}::jsonb) as said("photoId" uuid, "personIds" uuid[])
    where not exists (
      select from search.documents d where d.photo_id = said."photoId" and (d.deleted or d.owner_id <> ${ownerId})
    )
    order by 1
    on conflict (photo_id) do update set person_ids = excluded.person_ids, revision = excluded.revision
    where document_people.owner_id = excluded.owner_id and document_people.revision < excluded.revision`.execute(
    trx,
  );
}
