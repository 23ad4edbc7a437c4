import { type Kysely, type RawBuilder, type Selectable, sql } from "kysely";
import type { FaceTables } from "./tables.ts";

type Store = Kysely<FaceTables>;
type Row = Selectable<FaceTables["merges"]>;

/** Fields of a survivor that a merge may change, and its undo changes back. */
export interface MergedFields {
  name: string;
  birth_date: string | null;
  favorite: boolean;
  source: "MODEL" | "USER";
  /** ISO 8601. */
  updated_at: string;
}

/** What the undo of a merge has to know besides whose the faces were. */
export interface MergeSnapshot {
  /** Of the owner: merges of the same survivor in the order in which they were made. */
  revision: number;
  /** The survivor's fields before. */
  before: MergedFields;
  /** Of those, what a human said anew since: the undo leaves it alone. */
  spoken: string[];
}

/** A merge. */
export interface MergeView {
  id: string;
  survivorId: string;
  personIds: string[];
  createdAt: Date;
  undoneAt: Date | null;
}

/** A merge as its undo needs it. */
export interface StoredMerge extends MergeView {
  snapshot: MergeSnapshot;
}

/** Where a page of merges begins: behind this one. */
export interface MergeCursor {
  at: Date;
  id: string;
}

/** Stores that persons were merged. */
export async function insertMerge(
  db: Store,
  ownerId: string,
  merge: Omit<StoredMerge, "undoneAt">,
): Promise<void> {
  await db
    .insertInto("merges")
    .values({
      id: merge.id,
      owner_id: ownerId,
      survivor_id: merge.survivorId,
      person_ids: merge.personIds,
      snapshot: JSON.stringify(merge.snapshot),
      created_at: merge.createdAt,
    })
    .execute();
}

/** One merge of the owner. */
export async function findMerge(
  db: Store,
  ownerId: string,
  mergeId: string,
): Promise<StoredMerge | undefined> {
  const row = await db
    .selectFrom("merges")
    .selectAll()
    .where("owner_id", "=", ownerId)
    .where("id", "=", mergeId)
    .executeTakeFirst();
  return row && toMerge(row);
}

/** Merges of a survivor that hold, in the order in which they were made. */
export async function listMergesInto(db: Store, ownerId: string, survivorId: string): Promise<StoredMerge[]> {
  const rows = await db
    .selectFrom("merges")
    .selectAll()
    .where("owner_id", "=", ownerId)
    .where("survivor_id", "=", survivorId)
    .where("undone_at", "is", null)
    .execute();
  return rows.map(toMerge).sort((a, b) => a.snapshot.revision - b.snapshot.revision);
}

/** A page of an owner's merges, newest first. */
export async function listMerges(
  db: Store,
  page: { ownerId: string; after: MergeCursor | undefined; limit: number },
): Promise<MergeView[]> {
  const { ownerId, after, limit } = page;
  const query = db
    .selectFrom("merges")
    .select(["id", "survivor_id as survivorId", "person_ids as personIds"])
    .select(["created_at as createdAt", "undone_at as undoneAt"])
    .where("owner_id", "=", ownerId)
    .orderBy("created_at", "desc")
    .orderBy("id", "desc")
    .limit(limit);
  if (!after) return query.execute();
  return query.where(behind(after)).execute();
}

/** Stores that a merge was undone; it stays as history. */
export async function markUndone(db: Store, ownerId: string, mergeId: string, at: Date): Promise<void> {
  await db
    .updateTable("merges")
    .set({ undone_at: at })
    .where("owner_id", "=", ownerId)
    .where("id", "=", mergeId)
    .execute();
}

/** Stores what the undo of a merge that holds restores, after another one was undone. */
export async function saveSnapshot(
  db: Store,
  ownerId: string,
  mergeId: string,
  snapshot: MergeSnapshot,
): Promise<void> {
  await db
    .updateTable("merges")
    .set({ snapshot: JSON.stringify(snapshot) })
    .where("owner_id", "=", ownerId)
    .where("id", "=", mergeId)
    .execute();
}

/** Writes fields of a person as a merge or its undo makes them. */
export async function saveMergedFields(
  db: Store,
  ownerId: string,
  personId: string,
  { updated_at, ...fields }: Partial<MergedFields>,
): Promise<void> {
  const changes = { ...fields, ...(updated_at === undefined ? {} : { updated_at: new Date(updated_at) }) };
  if (Object.keys(changes).length === 0) return;
  await db
    .updateTable("people")
    .set(changes)
    .where("owner_id", "=", ownerId)
    .where("id", "=", personId)
    .execute();
}

/** Says whom persons were merged into; null for nobody any more. */
export async function setMergedInto(
  db: Store,
  ownerId: string,
  personIds: readonly string[],
  survivorId: string | null,
): Promise<void> {
  await db
    .updateTable("people")
    .set({ merged_into: survivorId })
    .where("owner_id", "=", ownerId)
    .where("id", "=", sql<string>`any(${[...personIds]}::uuid[])`)
    .execute();
}

function behind({ at, id }: MergeCursor): RawBuilder<boolean> {
  return sql<boolean>`(created_at, id) < (${at}, ${id}::uuid)`;
}

function toMerge(row: Row): StoredMerge {
  return {
    id: row.id,
    survivorId: row.survivor_id,
    personIds: row.person_ids,
    createdAt: row.created_at,
    undoneAt: row.undone_at,
    // Nothing but insertMerge and saveSnapshot writes it; a human's word only adds to `spoken`.
    snapshot: row.snapshot as MergeSnapshot,
  };
}
