import { decodePageToken, encodePageToken, failedPrecondition, resolvePageSize } from "@ocelli/chassis";
import type { Kysely } from "kysely";
import { z } from "zod";
import { gainedFields, mergedFieldsOf, replayMerges } from "./merge-fields.ts";
import type { PersonChange, PersonChanger } from "./person-changes.ts";
import { invalidMerge, mergeNotFound, personNotFound } from "./person-errors.ts";
import { parseMergedIds, parseMergeId, parsePersonId } from "./person-input.ts";
import { expelRejected, forgetReturned, moveBack, moveToSurvivor, readmit } from "./store/merge-faces.ts";
import { handOnRejections, takeBackRejections } from "./store/merge-rejections.ts";
import {
  findMerge,
  insertMerge,
  listMerges,
  listMergesInto,
  type MergeView,
  markUndone,
  type StoredMerge,
  saveMergedFields,
  setMergedInto,
} from "./store/merges.ts";
import { findPersonRows, listMembers, type PersonRow } from "./store/people.ts";
import { findPersons, type PersonView } from "./store/people-views.ts";
import type { FaceTables } from "./store/tables.ts";

/** What {@link createMerges} stands on. */
export interface MergesOptions {
  db: Kysely<FaceTables>;
  changer: PersonChanger;
  newId: () => string;
}

/**
 * Rules of merges. A merge is an event with its inverse: what it changed is kept until it is undone, in any order and
 * after whatever happened since.
 */
export interface Merges {
  /** @throws AppError INVALID_ARGUMENT/INVALID_MERGE, NOT_FOUND/PERSON_NOT_FOUND. */
  merge(
    ownerId: string,
    survivorId: string,
    personIds: readonly string[],
  ): Promise<{ merge: MergeView; person: PersonView }>;
  /**
   * Everybody is who they were. Faces that came to the survivor since stay with it, those of which a human spoke since
   * stay where they are, and so do fields that a human changed since.
   * @returns everybody it was about, the survivor first, or who it is now where it was merged itself; without those
   * whom only a model knew and who have no face left.
   * @throws AppError NOT_FOUND/MERGE_NOT_FOUND, FAILED_PRECONDITION/ALREADY_UNDONE.
   */
  undo(ownerId: string, mergeId: string): Promise<{ merge: MergeView; people: PersonView[] }>;
  /** Newest first. @throws AppError INVALID_ARGUMENT/{INVALID_PAGE_SIZE,INVALID_PAGE_TOKEN}. */
  list(
    ownerId: string,
    page: { pageSize: number; pageToken: string },
  ): Promise<{ merges: MergeView[]; nextPageToken: string }>;
}

const pageLimits = { defaultSize: 50, maxSize: 200 };
const cursorSchema = z.object({ at: z.iso.datetime(), id: z.uuid() });
const listArguments = ["merges"];

/** Creates the rules of merges. */
export function createMerges({ db, changer, newId }: MergesOptions): Merges {
  return {
    async merge(ownerId, survivorId, personIds) {
      const survivor = parsePersonId(survivorId);
      const others = parseMergedIds(survivor, personIds);
      return changer.change(ownerId, async (change) => {
        const merge = await mergePersons(change, newId(), survivor, others);
        const [person] = await findPersons(change.trx, ownerId, [survivor]);
        if (!person) throw personNotFound();
        return { merge, person };
      });
    },
    async undo(ownerId, mergeId) {
      const id = parseMergeId(mergeId);
      return changer.change(ownerId, async (change) => {
        const { merge, holder } = await undoMerge(change, id);
        const asked = [holder, ...merge.personIds];
        const people = await findPersons(change.trx, ownerId, asked);
        const byId = new Map(people.map((person) => [person.id, person]));
        return { merge, people: asked.flatMap((each) => byId.get(each) ?? []) };
      });
    },
    async list(ownerId, page) {
      const size = resolvePageSize(page.pageSize, pageLimits);
      const cursor = decodePageToken(page.pageToken, cursorSchema, listArguments);
      const after = cursor && { at: new Date(cursor.at), id: cursor.id };
      const found = await listMerges(db, { ownerId, after, limit: size + 1 });
      const merges = found.slice(0, size);
      const last = found.length > size ? merges.at(-1) : undefined;
      const nextPageToken = last ? encodePageToken({ at: last.createdAt, id: last.id }, listArguments) : "";
      return { merges, nextPageToken };
    },
  };
}

/** Merges within a change, e.g. as the answer to a suggestion. */
export async function mergePersons(
  change: PersonChange,
  mergeId: string,
  survivorId: string,
  personIds: readonly string[],
): Promise<MergeView> {
  const { trx, ownerId, at, revision } = change;
  const [survivor, ...others] = await requireUnmerged(change, [survivorId, ...personIds]);
  if (!survivor) throw personNotFound();
  const parts = { ownerId, mergeId, survivorId, personIds };
  // Those who were merged before are told of, too: they are the new survivor now.
  change.tellPersons([survivorId, ...(await listMembers(trx, ownerId, personIds))]);
  change.tellPhotos(await moveToSurvivor(trx, parts));
  await setMergedInto(trx, ownerId, personIds, survivorId);
  await handOnRejections(trx, parts);
  change.tellPhotos(await expelRejected(trx, parts));
  const before = mergedFieldsOf(survivor);
  const merge = { id: mergeId, survivorId, personIds: [...personIds], createdAt: at };
  await insertMerge(trx, ownerId, { ...merge, snapshot: { revision, before, spoken: [] } });
  await saveMergedFields(trx, ownerId, survivorId, gainedFields(before, others, at));
  return { ...merge, undoneAt: null };
}

async function undoMerge(
  change: PersonChange,
  mergeId: string,
): Promise<{ merge: MergeView; holder: string }> {
  const { trx, ownerId, at } = change;
  const merge = await findMerge(trx, ownerId, mergeId);
  if (!merge) throw mergeNotFound();
  if (merge.undoneAt !== null) throw alreadyUndone();
  const { survivorId, personIds } = merge;
  const path = await pathOf(change, survivorId);
  const holder = path.at(-1)?.survivorId ?? survivorId;
  await markUndone(trx, ownerId, mergeId, at);
  await setMergedInto(trx, ownerId, personIds, null);
  change.tellPersons([holder, survivorId, ...(await listMembers(trx, ownerId, personIds))]);
  change.tellPersons(path.map((each) => each.survivorId));
  change.tellPhotos(await moveBack(trx, { ownerId, personIds }, holder));
  await takeBackAlong(change, [merge, ...path]);
  change.tellPhotos(await readmit(trx, ownerId, [...personIds, holder]));
  await forgetReturned(trx, ownerId, [...personIds, holder]);
  await replayMerges(change, merge, path);
  // The survivor, too: it may be left with nothing, now that it is a model's again.
  await change.dissolve([...personIds, survivorId]);
  return { merge: { ...merge, undoneAt: at }, holder };
}

/** What the merge handed on was handed on again by each later merge of its survivor. */
async function takeBackAlong({ trx, ownerId }: PersonChange, merges: readonly StoredMerge[]): Promise<void> {
  let faces: string[] | undefined;
  for (const { id: mergeId, survivorId } of merges) {
    faces = await takeBackRejections(trx, { ownerId, mergeId, survivorId }, faces);
    if (faces.length === 0) return;
  }
}

/** The merges through which a person became who it is now, in order. */
async function pathOf({ trx, ownerId }: PersonChange, personId: string): Promise<StoredMerge[]> {
  const path: StoredMerge[] = [];
  for (let current = personId; ; ) {
    const [row] = await findPersonRows(trx, ownerId, [current]);
    const into = row?.merged_into;
    if (!into || path.some((each) => each.survivorId === into)) return path;
    const merges = await listMergesInto(trx, ownerId, into);
    const merge = merges.find((each) => each.personIds.includes(current));
    if (!merge) return path;
    path.push(merge);
    current = into;
  }
}

async function requireUnmerged(
  { trx, ownerId }: PersonChange,
  personIds: readonly string[],
): Promise<PersonRow[]> {
  const rows = new Map((await findPersonRows(trx, ownerId, personIds)).map((row) => [row.id, row]));
  return personIds.map((id, index) => {
    const row = rows.get(id);
    if (!row) throw personNotFound();
    if (row.merged_into !== null) {
      throw invalidMerge(index === 0 ? "survivor_id" : "person_ids", "must not be part of somebody already");
    }
    return row;
  });
}

function alreadyUndone() {
  return failedPrecondition("ALREADY_UNDONE", "This merge was undone before.");
}
