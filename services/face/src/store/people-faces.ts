import { type Kysely, type RawBuilder, sql } from "kysely";
import { isShown } from "./people-views.ts";
import type { FaceTables, Source } from "./tables.ts";

type Store = Kysely<FaceTables>;

/** A face with where it was seen and whose it is. */
export interface FaceView {
  id: string;
  photoId: string;
  x: number;
  y: number;
  width: number;
  height: number;
  score: number;
  quality: number;
  personId: string | null;
  personName: string;
  source: Source;
  /** How sure a model was, 0..1; null unless a model said whose it is. */
  similarity: number | null;
  erased: boolean;
  createdAt: Date;
}

/** Where a page of faces begins: behind this one. */
export interface FaceCursor {
  at: Date;
  id: string;
}

/** Faces by their ids, those of others left out, in no order. */
export async function findFaces(db: Store, ownerId: string, faceIds: readonly string[]): Promise<FaceView[]> {
  const { rows } = await facesQuery(ownerId, sql`f.id = any(${[...faceIds]}::uuid[])`).execute(db);
  return rows;
}

/** A page of the faces that are shown, newest first. */
export async function listFaces(
  db: Store,
  page: { ownerId: string; personId: string | null; after: FaceCursor | undefined; limit: number },
): Promise<FaceView[]> {
  const { ownerId, personId, after, limit } = page;
  const whose = personId === null ? sql`f.person_id is null` : sql`f.person_id = ${personId}`;
  const beyond = after ? sql`and (${foundAt}, f.id) < (${after.at}, ${after.id}::uuid)` : sql``;
  const { rows } = await facesQuery(
    ownerId,
    sql`${whose} and ${isShown(ownerId)} ${beyond} order by ${foundAt} desc, f.id desc limit ${limit}`,
  ).execute(db);
  return rows;
}

/** A page of all faces of a person, withheld ones included, by id. */
export async function listFacesToExport(
  db: Store,
  page: { ownerId: string; personId: string; after: string | undefined; limit: number },
): Promise<FaceView[]> {
  const { ownerId, personId, after, limit } = page;
  const beyond = after ? sql`and f.id > ${after}::uuid` : sql``;
  const { rows } = await facesQuery(
    ownerId,
    sql`f.person_id = ${personId} ${beyond} order by f.id limit ${limit}`,
  ).execute(db);
  return rows;
}

/** A page of the photos with a person that are shown, newest first. */
export async function listPersonPhotos(
  db: Store,
  page: { ownerId: string; personId: string; after: string | undefined; limit: number },
): Promise<string[]> {
  const { ownerId, personId, after, limit } = page;
  // Ids of photos begin with the time at which they were added.
  const beyond = after ? sql`and f.photo_id < ${after}::uuid` : sql``;
  const { rows } = await sql<{ photoId: string }>`
    select f.photo_id as "photoId" from face.faces f
    where f.owner_id = ${ownerId} and f.person_id = ${personId} and ${isShown(ownerId)} ${beyond}
    group by f.photo_id order by f.photo_id desc limit ${limit}`.execute(db);
  return rows.map(({ photoId }) => photoId);
}

/** As exact as a cursor's time; the database counts microseconds. */
const foundAt = sql`date_trunc('milliseconds', f.created_at)`;

function facesQuery(ownerId: string, which: RawBuilder<unknown>): RawBuilder<FaceView> {
  return sql<FaceView>`
    select f.id, f.photo_id as "photoId", f.x, f.y, f.width, f.height, f.score, f.quality,
      f.person_id as "personId", coalesce(p.name, '') as "personName", f.source, f.similarity, f.erased,
      f.created_at as "createdAt"
    from face.faces f left join face.people p on p.id = f.person_id and p.owner_id = ${ownerId}
    where f.owner_id = ${ownerId} and ${which}`;
}
