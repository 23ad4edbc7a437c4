import type { eventsV1 } from "@ocelli/contracts";
import { type Kysely, type RawBuilder, sql } from "kysely";
import type { SearchTables } from "./tables.ts";

/** A photo that is a duplicate of another. */
export interface DuplicatePair {
  otherId: string;
  exact: boolean;
  distance: number;
}

/** Two photos of one owner. */
export interface PhotoPair {
  photoId: string;
  otherId: string;
}

/** A pair that a photo has, as it was read. */
export interface KnownPair {
  otherId: string;
  /** Changes whenever the pair is written. */
  version: string;
}

/** What comparing a photo with its owner's others found. */
export interface DuplicateFindings {
  pairs: readonly DuplicatePair[];
  /** Those it had before it was compared, to be forgotten; what was found since, from the other side, is newer. */
  before: readonly KnownPair[];
}

/** The pairs of a photo, to be read before it is compared anew. */
export async function listKnownPairs(
  db: Kysely<SearchTables>,
  photo: Pick<eventsV1.PhotoRef, "photoId" | "ownerId">,
): Promise<KnownPair[]> {
  const { rows } = await sql<KnownPair>`
    select other_id as "otherId", xmin::text as version from search.duplicate_pairs
    where owner_id = ${photo.ownerId} and photo_id = ${photo.photoId}`.execute(db);
  return rows;
}

/**
 * Puts the pairs of a photo in place of those it had before. Pairs that others found meanwhile stay: they were compared
 * with this photo when it knew nothing of them. Pairs with photos that are deleted by now are left out; until the
 * transaction ends nobody can delete the others, so that no pair outlasts its photos.
 */
export async function replacePairs(
  trx: Kysely<SearchTables>,
  photo: Pick<eventsV1.PhotoRef, "photoId" | "ownerId">,
  { pairs, before }: DuplicateFindings,
): Promise<void> {
  const ids = [photo.photoId, ...[...pairs, ...before].map(({ otherId }) => otherId)];
  const kept = await lockDocuments(trx, photo.ownerId, ids);
  await deleteKnownPairs(trx, photo, before);
  if (!kept.has(photo.photoId)) return;
  const rows = pairs
    .filter(({ otherId }) => kept.has(otherId))
    .flatMap(({ otherId, exact, distance }) => [
      { owner_id: photo.ownerId, photo_id: photo.photoId, other_id: otherId, exact, distance },
      { owner_id: photo.ownerId, photo_id: otherId, other_id: photo.photoId, exact, distance },
    ]);
  if (rows.length === 0) return;
  await trx
    .insertInto("duplicate_pairs")
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(["owner_id", "photo_id", "other_id"]).doUpdateSet({
        exact: (eb) => eb.ref("excluded.exact"),
        distance: (eb) => eb.ref("excluded.distance"),
      }),
    )
    .execute();
}

/** Forgets pairs of a photo, in both directions, unless they were written since they were read. */
async function deleteKnownPairs(
  trx: Kysely<SearchTables>,
  { photoId, ownerId }: Pick<eventsV1.PhotoRef, "photoId" | "ownerId">,
  known: readonly KnownPair[],
): Promise<void> {
  if (known.length === 0) return;
  await sql`
    with mine as (
      delete from search.duplicate_pairs p
      using jsonb_to_recordset(${JSON.stringify(known)}::jsonb) as known("otherId" uuid, version text)
      where p.owner_id = ${ownerId} and p.photo_id = ${photoId} and p.other_id = known."otherId"
        and p.xmin::text = known.version
      returning p.other_id
    )
    delete from search.duplicate_pairs p using mine
    where p.owner_id = ${ownerId} and p.photo_id = mine.other_id and p.other_id = ${photoId}`.execute(trx);
}

/**
 * Those of the ids that are photos of the owner, which stay so until the transaction ends. Whoever locks one of them as
 * well waits until then: pairs of the same photos are written by one at a time.
 */
export async function lockDocuments(
  trx: Kysely<SearchTables>,
  ownerId: string,
  photoIds: readonly string[],
): Promise<Set<string>> {
  // In one order, so that two that lock the same photos wait for one another rather than for ever.
  const { rows } = await sql<{ photoId: string }>`
    select photo_id as "photoId" from search.documents
    where owner_id = ${ownerId} and photo_id = any(${[...photoIds]}::uuid[]) and not deleted
    order by photo_id for no key update`.execute(trx);
  return new Set(rows.map((row) => row.photoId));
}

/** Forgets the pairs of a photo, in both directions. */
export async function deletePairs(
  trx: Kysely<SearchTables>,
  photo: Pick<eventsV1.PhotoRef, "photoId" | "ownerId">,
): Promise<void> {
  await sql`
    with mine as (
      delete from search.duplicate_pairs where owner_id = ${photo.ownerId} and photo_id = ${photo.photoId}
      returning other_id
    )
    delete from search.duplicate_pairs p using mine
    where p.owner_id = ${photo.ownerId} and p.photo_id = mine.other_id and p.other_id = ${photo.photoId}`.execute(
    trx,
  );
}

/**
 * Condition: both photos of the pair `p` are to be found and their owner has not said to keep both. Withheld photos keep
 * their pairs, so that they are duplicates again once they are shown.
 */
const isOpen: RawBuilder<boolean> = sql`
      exists (select from search.documents d
        where d.photo_id = p.photo_id and d.owner_id = p.owner_id and not d.deleted and not d.withheld)
      and exists (select from search.documents d
        where d.photo_id = p.other_id and d.owner_id = p.owner_id and not d.deleted and not d.withheld)
      and not exists (select from search.kept_duplicates k where k.owner_id = p.owner_id
        and k.photo_id = least(p.photo_id, p.other_id) and k.other_id = greatest(p.photo_id, p.other_id))`;

/**
 * Photos that are duplicates of older ones only, newest first: each group has one as its newest photo. `before`: an id,
 * those at or above which were listed.
 */
export async function listNewestOfGroups(
  db: Kysely<SearchTables>,
  query: { ownerId: string; exactOnly: boolean; before: string | undefined; limit: number },
): Promise<string[]> {
  const before = query.before === undefined ? sql`true` : sql`p.photo_id < ${query.before}`;
  const { rows } = await sql<{ photoId: string }>`
    select p.photo_id as "photoId"
    from search.duplicate_pairs p
    where p.owner_id = ${query.ownerId} and ${before} and (p.exact or not ${query.exactOnly}) and ${isOpen}
    group by p.photo_id
    having bool_and(p.other_id < p.photo_id)
    order by p.photo_id desc
    limit ${query.limit}`.execute(db);
  return rows.map((row) => row.photoId);
}

/** Duplicates of photos that are still to be decided, nearest first, then newest. */
export async function listOpenPairs(
  db: Kysely<SearchTables>,
  query: { ownerId: string; exactOnly: boolean; photoIds: readonly string[] },
): Promise<PhotoPair[]> {
  const { rows } = await sql<PhotoPair>`
    select p.photo_id as "photoId", p.other_id as "otherId"
    from search.duplicate_pairs p
    where p.owner_id = ${query.ownerId} and p.photo_id = any(${[...query.photoIds]}::uuid[])
      and (p.exact or not ${query.exactOnly}) and ${isOpen}
    order by p.distance, p.other_id desc`.execute(db);
  return rows;
}
