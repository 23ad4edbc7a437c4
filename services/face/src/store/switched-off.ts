import { type Kysely, sql } from "kysely";
import type { FaceTables } from "./tables.ts";

/** Deletes all embeddings, of all models, and all cut-outs of an owner. */
export async function deleteRecognition(db: Kysely<FaceTables>, ownerId: string): Promise<void> {
  for (const table of ["face_embeddings", "face_crops"] as const) {
    await db.deleteFrom(table).where("owner_id", "=", ownerId).execute();
  }
}

/** Photos of an owner with faces to which a model gave a person. */
export async function listPhotosModelsNamed(db: Kysely<FaceTables>, ownerId: string): Promise<string[]> {
  const rows = await db
    .selectFrom("faces")
    .select("photo_id")
    .distinct()
    .where("owner_id", "=", ownerId)
    .where("source", "=", "MODEL")
    .where("person_id", "is not", null)
    .orderBy("photo_id")
    .execute();
  return rows.map(({ photo_id }) => photo_id);
}

/** Deletes the faces of an owner of which no human has spoken; the others lose what a model said of them. */
export async function deleteUnspokenFaces(db: Kysely<FaceTables>, ownerId: string): Promise<void> {
  await sql`
    delete from face.faces f
    where f.owner_id = ${ownerId} and f.source = 'MODEL' and not f.erased
      and not exists (select from face.face_rejections r where r.owner_id = ${ownerId} and r.face_id = f.id)
    `.execute(db);
  await sql`
    update face.faces set similarity = null, person_id = case source when 'USER' then person_id end
    where owner_id = ${ownerId} and (similarity is not null or (source = 'MODEL' and person_id is not null))
    `.execute(db);
  await sql`
    delete from face.merge_faces m
    where m.owner_id = ${ownerId}
      and not exists (select from face.faces f where f.owner_id = ${ownerId} and f.id = m.face_id)
    `.execute(db);
  await sql`
    update face.people p set cover_face_id = null
    where p.owner_id = ${ownerId} and p.cover_face_id is not null
      and not exists (select from face.faces f where f.owner_id = ${ownerId} and f.id = p.cover_face_id)
    `.execute(db);
}
