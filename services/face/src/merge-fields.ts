import type { PersonChange } from "./person-changes.ts";
import {
  listMergesInto,
  type MergedFields,
  type StoredMerge,
  saveMergedFields,
  saveSnapshot,
} from "./store/merges.ts";
import { findPersonRows, type PersonRow } from "./store/people.ts";

const fieldNames = ["name", "birth_date", "favorite", "source", "updated_at"] as const;
type FieldName = (typeof fieldNames)[number];

/** Of a person, what a merge may change. */
export function mergedFieldsOf(row: PersonRow): MergedFields {
  const { name, birth_date, favorite, source, updated_at } = row;
  return { name, birth_date, favorite, source, updated_at: updated_at.toISOString() };
}

/** The survivor's fields after a merge: its own win, where it has none the first of the others that has. */
export function gainedFields(before: MergedFields, others: readonly PersonRow[], at: Date): MergedFields {
  return {
    name: before.name || (others.find(({ name }) => name !== "")?.name ?? ""),
    birth_date: before.birth_date ?? others.find((other) => other.birth_date !== null)?.birth_date ?? null,
    favorite: before.favorite || others.some(({ favorite }) => favorite),
    source: "USER",
    updated_at: at.toISOString(),
  };
}

/**
 * Makes the fields of a merge's survivor what they were had the merge never been: the later merges into the same
 * survivor are made again on what was before, and so are those through which the survivor became somebody else. What a
 * human said since is left alone.
 * @param path - The merges through which the survivor became who it is now.
 */
export async function replayMerges(
  change: PersonChange,
  undone: StoredMerge,
  path: readonly StoredMerge[],
): Promise<void> {
  const { before, spoken, revision } = undone.snapshot;
  await replayFrom(change, undone.survivorId, { before, spoken, revision: revision + 1 });
  for (const { survivorId, snapshot } of path) {
    await replayFrom(change, survivorId, {
      before: snapshot.before,
      spoken: [],
      revision: snapshot.revision,
    });
  }
}

async function replayFrom(
  { trx, ownerId }: PersonChange,
  survivorId: string,
  start: { before: MergedFields; spoken: readonly string[]; revision: number },
): Promise<void> {
  // Fields that the merges alone decide; a human's word takes one off this list for good.
  let open = without(fieldNames, start.spoken);
  let current: MergedFields = start.before;
  for (const merge of await listMergesInto(trx, ownerId, survivorId)) {
    if (merge.snapshot.revision < start.revision) continue;
    const before = { ...merge.snapshot.before, ...pick(current, open) };
    await saveSnapshot(trx, ownerId, merge.id, { ...merge.snapshot, before });
    const rows = new Map(
      (await findPersonRows(trx, ownerId, merge.personIds)).map((row) => [row.id, row] as const),
    );
    const others = merge.personIds.flatMap((id) => rows.get(id) ?? []);
    current = gainedFields(before, others, merge.createdAt);
    open = without(open, merge.snapshot.spoken);
  }
  await saveMergedFields(trx, ownerId, survivorId, pick(current, open));
}

function without(names: readonly FieldName[], taken: readonly string[]): FieldName[] {
  return names.filter((name) => !taken.includes(name));
}

function pick(fields: MergedFields, names: readonly FieldName[]): Partial<MergedFields> {
  return Object.fromEntries(names.map((name) => [name, fields[name]]));
}
