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

/**
 * Puts the pairs of a photo in place of those it had. Pairs with photos that are deleted by now are left out; until the
 * transaction ends nobody can delete the others, so that no pair outlasts its photos.
 */
export async function replacePairs(
  trx: Kysely<SearchTables>,
  photo: Pick<eventsV1.PhotoRef, "photoId" | "ownerId">,
  pairs: readonly DuplicatePair[],
): Promise<void> {
  const ids = [photo.photoId, ...pairs.map(({ otherId }) => otherId)];
  const kept = await lockDocuments(trx, photo.ownerId, ids);
  await deletePairs(trx, photo);
  if (!kept.has(photo.photoId)) return;
  const rows = pairs
    .filter(({ otherId }) => kept.has(otherId))
    .flatMap(({ otherId, exact, distance }) => [
      { owner_id: photo.ownerId, photo_id: photo.photoId, other_id: otherId, exact, distance },
      { owner_id: photo.ownerId, photo_id: otherId, other_id: photo.photoId, exact, distance },
    ]);
  if (rows.length > 0) await trx.insertInto("duplicate_pairs").values(rows).execute();
}

/** Those of the ids that are photos of the owner, which stay so until the transaction ends. */
export async function lockDocuments(
  trx: Kysely<SearchTables>,
  ownerId: string,
  photoIds: readonly string[],
): Promise<Set<string>> {
  // In one order, so that two that lock the same photos wait for one another rather than for ever.
  const { rows } = await sql<{ photoId: string }>`
    select photo_id as "photoId" from search.documents
    where owner_id = ${ownerId} and photo_id = any(${[...photoIds]}::uuid[]) and not deleted
    order by photo_id for share`.execute(trx);
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
