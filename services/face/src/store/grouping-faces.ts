import { type Kysely, sql } from "kysely";
import type { GroupedFace } from "../grouping/types.ts";
import { embeddingFromBytes } from "./embeddings.ts";
import type { FaceTables, Source } from "./tables.ts";

type Store = Kysely<FaceTables>;

/** Whose faces, as which model sees them. */
export interface FacesOf {
  ownerId: string;
  /** Embeddings of this model are read. */
  model: string;
}

/** A face that changed, as it is now. */
export interface ChangedFace {
  id: string;
  personId: string | null;
  source: Source;
  quality: number;
  /** The revision that changed it; above the current one for an embedding that came by itself. */
  revision: number;
  photoId: string;
  /** Null when it was erased, or the model has none yet. */
  vector: Float32Array | null;
}

/** A face of a photo that is to be grouped. */
export interface PhotoFace extends Omit<ChangedFace, "revision"> {
  /** Left edge and top of the box: tell faces of one photo apart the same way in every scan. */
  x: number;
  y: number;
}

/**
 * The owner's revision; undefined before the first face, while faces are not processed, and while another model assigns
 * and answers.
 */
export async function findGroupedRevision(
  db: Store,
  { ownerId, model }: FacesOf,
): Promise<number | undefined> {
  const row = await db
    .selectFrom("face_owners as o")
    .select("o.revision")
    .where("o.owner_id", "=", ownerId)
    .where("o.enabled", "=", true)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom("face_models as m")
            .select("m.model")
            .where("m.state", "=", "ACTIVE")
            .where("m.model", "<>", model),
        ),
      ),
    )
    .executeTakeFirst();
  return row?.revision;
}

/** Faces that changed after a revision, and the given ones. Embeddings come only with those that are nobody's. */
export async function listChangedFaces(
  db: Store,
  { ownerId, model }: FacesOf,
  since: number,
  also: readonly string[],
): Promise<ChangedFace[]> {
  const { rows } = await sql<Omit<ChangedFace, "vector"> & { embedding: Buffer | null }>`
    select f.id, f.photo_id as "photoId", f.person_id as "personId", f.source, f.quality,
      f.changed_revision as revision, e.embedding
    from face.faces f
    left join face.face_embeddings e
      on e.face_id = f.id and e.model = ${model} and f.person_id is null and f.source = 'MODEL' and not f.erased
    where f.owner_id = ${ownerId} and (f.changed_revision > ${since} or f.id = any(${[...also]}::uuid[]))`.execute(
    db,
  );
  return rows.map(({ embedding, ...row }) => ({
    ...row,
    vector: embedding && embeddingFromBytes(embedding),
  }));
}

/** Faces deleted after a revision, with the revision that did. */
export async function listGoneFaces(
  db: Store,
  ownerId: string,
  since: number,
  also: readonly string[],
): Promise<{ id: string; revision: number }[]> {
  const { rows } = await sql<{ id: string; revision: number }>`
    select t.face_id as id, t.revision from face.face_tombstones t
    where t.owner_id = ${ownerId} and (t.revision > ${since} or t.face_id = any(${[...also]}::uuid[]))
      and not exists (select from face.faces f where f.owner_id = ${ownerId} and f.id = t.face_id)`.execute(
    db,
  );
  return rows;
}

/** Forgets deletions that nobody follows any more. */
export async function deleteTombstones(db: Store, ownerId: string, upTo: number): Promise<void> {
  await db
    .deleteFrom("face_tombstones")
    .where("owner_id", "=", ownerId)
    .where("revision", "<=", upTo)
    .execute();
}

/** Which exemplars {@link listExemplars} reads. */
export interface ExemplarQuery extends FacesOf {
  perPerson: number;
  /** Faces that changed later are left out: their change may be undone. */
  upToRevision: number;
  /** These persons. */
  personIds: readonly string[];
}

/** The faces that stand best for persons: those a human gave them, then those of the best quality. */
export async function listExemplars(
  db: Store,
  { ownerId, model, perPerson, upToRevision, personIds }: ExemplarQuery,
): Promise<(GroupedFace & { personId: string })[]> {
  if (personIds.length === 0) return [];
  const { rows } = await sql<{
    personId: string;
    id: string;
    photoId: string;
    quality: number;
    embedding: Buffer;
  }>`
    select best.person_id as "personId", best.id, best.photo_id as "photoId", best.quality, best.embedding
    from unnest(${[...personIds]}::uuid[]) as person (id)
    cross join lateral (
      select f.person_id, f.id, f.photo_id, f.quality, e.embedding
      from face.faces f
      join face.face_embeddings e on e.face_id = f.id and e.model = ${model}
      where f.owner_id = ${ownerId} and f.person_id = person.id and not f.erased
        and f.changed_revision <= ${upToRevision}
      order by (f.source = 'USER') desc, f.quality desc, f.id
      limit ${perPerson}
    ) best`.execute(db);
  return rows.map(({ embedding, ...row }) => ({ ...row, vector: embeddingFromBytes(embedding) }));
}

/** Persons of an owner by id, those that were merged left out. */
export async function listPersonIds(
  db: Store,
  ownerId: string,
  page: { after: string | null; limit: number },
): Promise<string[]> {
  const { after, limit } = page;
  const query = db
    .selectFrom("people")
    .select("id")
    .where("owner_id", "=", ownerId)
    .where("merged_into", "is", null)
    .orderBy("id")
    .limit(limit);
  const rows = await (after === null ? query : query.where("id", ">", after)).execute();
  return rows.map(({ id }) => id);
}

/** Which loose faces {@link listLooseFaces} reads. */
export interface LoosePage {
  minQuality: number;
  /** Faces that changed later are left out: their change may be undone. */
  upToRevision: number;
  newestFirst: boolean;
  after: string | null;
  limit: number;
}

/** Faces that are nobody's and of which no human has spoken, by id. */
export async function listLooseFaces(
  db: Store,
  { ownerId, model }: FacesOf,
  page: LoosePage,
): Promise<GroupedFace[]> {
  const { minQuality, after, limit, upToRevision, newestFirst } = page;
  const [beyond, order] = newestFirst ? [sql`<`, sql`desc`] : [sql`>`, sql`asc`];
  const { rows } = await sql<{ id: string; photoId: string; quality: number; embedding: Buffer }>`
    select f.id, f.photo_id as "photoId", f.quality, e.embedding
    from face.faces f
    join face.face_embeddings e on e.face_id = f.id and e.model = ${model}
    where f.owner_id = ${ownerId} and f.person_id is null and f.source = 'MODEL' and not f.erased
      and f.quality >= ${minQuality} and f.changed_revision <= ${upToRevision}
      and (${after}::uuid is null or f.id ${beyond} ${after}::uuid)
    order by f.id ${order}
    limit ${limit}`.execute(db);
  return rows.map(({ embedding, ...row }) => ({ ...row, vector: embeddingFromBytes(embedding) }));
}

/** All faces of a photo. */
export async function listFacesToGroup(
  db: Store,
  { ownerId, model }: FacesOf,
  photoId: string,
): Promise<PhotoFace[]> {
  const { rows } = await sql<Omit<PhotoFace, "vector"> & { embedding: Buffer | null }>`
    select f.id, f.photo_id as "photoId", f.person_id as "personId", f.source, f.quality, f.x, f.y, e.embedding
    from face.faces f
    left join face.face_embeddings e on e.face_id = f.id and e.model = ${model} and not f.erased
    where f.owner_id = ${ownerId} and f.photo_id = ${photoId}
    order by f.quality desc, f.x, f.y, f.id`.execute(db);
  return rows.map(({ embedding, ...row }) => ({
    ...row,
    vector: embedding && embeddingFromBytes(embedding),
  }));
}

/** Persons that faces are not, as a human said, and those they became, by face. */
export async function listRejectionsOf(
  db: Store,
  ownerId: string,
  faceIds: readonly string[],
): Promise<Map<string, Set<string>>> {
  const rejections = new Map<string, Set<string>>();
  if (faceIds.length === 0) return rejections;
  // `union` drops what was seen already: a circle of merges ends the walk instead of feeding it.
  const { rows } = await sql<{ faceId: string; personId: string }>`
    with recursive rejected as (
      select r.face_id, r.person_id from face.face_rejections r
      where r.owner_id = ${ownerId} and r.face_id = any(${[...faceIds]}::uuid[])
      union
      select rejected.face_id, p.merged_into from rejected
      join face.people p on p.id = rejected.person_id and p.owner_id = ${ownerId} and p.merged_into is not null
    )
    select face_id as "faceId", person_id as "personId" from rejected`.execute(db);
  for (const { faceId, personId } of rows) {
    const persons = rejections.get(faceId) ?? new Set();
    rejections.set(faceId, persons.add(personId));
  }
  return rejections;
}
