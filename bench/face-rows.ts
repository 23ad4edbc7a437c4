import { randomUUIDv7 } from "node:crypto";
import type { Pool } from "pg";
import { saveEmbeddings } from "../services/face/src/store/embeddings.ts";
import type { LabelledFace } from "./synthetic-faces.ts";

/** Model whose embeddings the rows have. */
export const benchModel = "face-embed-dlib@1+face-alignment@1";
const rowsAtOnce = 500;

/** Stores faces of an owner, each on a photo of its own; persons below `persons` are grouped, others are nobody's. */
export async function storeFaces(
  pool: Pool,
  ownerId: string,
  faces: readonly LabelledFace[],
  persons: number,
): Promise<void> {
  const personIds = Array.from({ length: persons }, () => randomUUIDv7());
  await pool.query("insert into face.face_owners (owner_id, revision) values ($1, 1)", [ownerId]);
  await pool.query("insert into face.people (id, owner_id) select unnest($1::uuid[]), $2", [
    personIds,
    ownerId,
  ]);
  for (let from = 0; from < faces.length; from += rowsAtOnce) {
    const some = faces.slice(from, from + rowsAtOnce);
    const ids = some.map(() => randomUUIDv7());
    await pool.query(
      `insert into face.faces (id, photo_id, owner_id, x, y, width, height, score, quality, landmarks, person_id, similarity)
       select id, gen_random_uuid(), $1, .1, .1, .2, .2, .9, quality, '[]', person, case when person is not null then .9 end
       from unnest($2::uuid[], $3::real[], $4::uuid[]) as made (id, quality, person)`,
      [ownerId, ids, some.map(({ quality }) => quality), some.map(({ person }) => personIds[person] ?? null)],
    );
    await pool.query(
      `insert into face.face_embeddings (model, face_id, owner_id, embedding)
       select $1, id, $2, embedding from unnest($3::uuid[], $4::bytea[]) as made (id, embedding)`,
      [benchModel, ownerId, ids, some.map(({ vector }) => Buffer.from(vector.slice().buffer))],
    );
  }
  await pool.query("analyze face.faces");
  await pool.query("analyze face.face_embeddings");
}

/** Stores a face on a photo of its own, as a scan does; the transaction has begun with `beginChange`. */
export async function insertFace(
  trx: Parameters<typeof saveEmbeddings>[0],
  ownerId: string,
  { quality, vector }: LabelledFace,
): Promise<{ id: string; photoId: string }> {
  const [id, photoId] = [randomUUIDv7(), randomUUIDv7()];
  const box = { x: 0.1, y: 0.1, width: 0.2, height: 0.2 };
  await trx
    .insertInto("faces")
    .values({ id, photo_id: photoId, owner_id: ownerId, ...box, score: 0.9, quality, landmarks: "[]" })
    .execute();
  await saveEmbeddings(trx, ownerId, benchModel, [{ faceId: id, embedding: vector }]);
  return { id, photoId };
}
