import { setImmediate as turn } from "node:timers/promises";
import { isDeletedOwner } from "@ocelli/chassis";
import type { Kysely, Transaction } from "kysely";
import { listDistinctPairs } from "../store/decisions.ts";
import { deleteEmptyPersons } from "../store/empty-persons.ts";
import { areTogether, countFaces, listUntouched, moveFaces, takeFaces } from "../store/grouping-changes.ts";
import {
  findGroupedRevision,
  listExemplars,
  listLooseFaces,
  listPersonIds,
  listRejectionsOf,
} from "../store/grouping-faces.ts";
import { beginChange } from "../store/owners.ts";
import type { RegroupCounts, RegroupState } from "../store/regroup-owners.ts";
import type { FaceTables } from "../store/tables.ts";
import { findAlikePeople, meanDistance } from "./alike-people.ts";
import type { PhotoAssignment } from "./assignment.ts";
import { type DecisionRules, groupToFound, personToJoin } from "./decisions.ts";
import { exemplarsPerPerson } from "./owner-index.ts";
import type { OwnerIndexes } from "./owner-indexes.ts";
import { checkPerson } from "./person-check.ts";

type Trx = Transaction<FaceTables>;

/** Tells other services of a change, in its transaction. */
export type Announce = (
  trx: Trx,
  change: { ownerId: string; revision: number; photoIds: string[]; personIds: string[] },
) => Promise<void>;

/** What {@link createRegrouping} stands on. */
export interface RegroupingOptions {
  db: Kysely<FaceTables>;
  model: string;
  indexes: OwnerIndexes;
  rules: DecisionRules;
  assignment: PhotoAssignment;
  announce: Announce;
}

/** One step of a regrouping: what comes next, and what it did. */
export interface RegroupStep {
  /** Undefined when that was the last step. */
  next: RegroupState | undefined;
  counts: RegroupCounts;
}

/** Groups faces of an owner again, in steps of bounded size. */
export interface Regrouping {
  /**
   * Does one step. Looks without a lock first; only where there is something to change does a short transaction look
   * again and change it. Never touches what a human said: persons a human has spoken of may win faces, never lose any.
   * @returns undefined while the owner's faces are not to be grouped by this model, see `findGroupedRevision`.
   */
  step(state: RegroupState, signal: AbortSignal): Promise<RegroupStep | undefined>;
}

const personsPerStep = 20;
const facesPerStep = 200;
const mergesAtMost = 500;

/** Creates the steps of regroupings. */
export function createRegrouping(options: RegroupingOptions): Regrouping {
  return {
    async step(state, signal) {
      const { ownerId } = state;
      if ((await findGroupedRevision(options.db, { ownerId, model: options.model })) === undefined)
        return undefined;
      if (state.phase === "CHECK") return checkPeople(options, state, signal);
      if (state.phase === "MERGE") {
        await mergePeople(options, ownerId, signal);
        return { next: { ownerId, phase: "JOIN", cursor: null }, counts: noCounts() };
      }
      return joinLoose(options, state, signal);
    },
  };
}

const nobody: ReadonlySet<string> = new Set();

/** Third phase: faces that are nobody's join or found persons, in the order of their ids. */
async function joinLoose(
  options: RegroupingOptions,
  { ownerId, cursor }: RegroupState,
  signal: AbortSignal,
): Promise<RegroupStep | undefined> {
  const { db, rules, indexes, model } = options;
  const counts = noCounts();
  const faces = await listLooseFaces(
    db,
    { ownerId, model },
    {
      minQuality: rules.calibration.qualityFloor,
      upToRevision: Number.MAX_SAFE_INTEGER,
      newestFirst: false,
      after: cursor,
      limit: facesPerStep,
    },
  );
  const ids = faces.map(({ id }) => id);
  const rejections = await listRejectionsOf(db, ownerId, ids);
  for (const face of faces) {
    signal.throwIfAborted();
    const index = await indexes.current(db, ownerId);
    if (!index) return undefined;
    counts.facesSeen += 1;
    const rejected = rejections.get(face.id) ?? nobody;
    const promising =
      personToJoin(index, rules, face, rejected) ??
      groupToFound(index, rules, face, { rejected, taken: nobody });
    if (promising) await assign(options, ownerId, face.photoId, counts);
    await turn();
  }
  const last = faces.at(-1)?.id ?? null;
  const more = faces.length === facesPerStep;
  return { next: more ? { ownerId, phase: "JOIN", cursor: last } : undefined, counts };
}

async function assign(
  { db, assignment, announce }: RegroupingOptions,
  ownerId: string,
  photoId: string,
  counts: RegroupCounts,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    if (await isDeletedOwner(trx, ownerId)) return;
    const revision = await beginChange(trx, ownerId);
    const { photoIds, personIds, ...done } = await assignment.assignPhoto(trx, { ownerId, photoId });
    if (personIds.length === 0) return;
    await announce(trx, { ownerId, revision, photoIds, personIds });
    counts.facesAssigned += done.facesAssigned;
    counts.peopleMade += done.peopleMade;
  });
}

/** First phase: takes away faces that do not fit the persons whom only models know. */
async function checkPeople(
  options: RegroupingOptions,
  { ownerId, cursor }: RegroupState,
  signal: AbortSignal,
): Promise<RegroupStep> {
  const { db } = options;
  const counts = noCounts();
  const ids = await listPersonIds(db, ownerId, { after: cursor, limit: personsPerStep });
  for (const personId of await listUntouched(db, ownerId, ids)) {
    signal.throwIfAborted();
    const looked = await lookAt(db, options, ownerId, personId);
    counts.facesSeen += looked.facesSeen;
    if (looked.strangers.length > 0) await expel(options, ownerId, personId);
    await turn();
  }
  const more = ids.length === personsPerStep;
  const next: RegroupState = more
    ? { ownerId, phase: "CHECK", cursor: ids.at(-1) ?? null }
    : { ownerId, phase: "MERGE", cursor: null };
  return { next, counts };
}

async function lookAt(
  db: Kysely<FaceTables>,
  { model, rules }: RegroupingOptions,
  ownerId: string,
  personId: string,
) {
  const exemplars = await listExemplars(db, {
    ownerId,
    model,
    perPerson: exemplarsPerPerson,
    upToRevision: Number.MAX_SAFE_INTEGER,
    personIds: [personId],
  });
  return checkPerson(db, rules, { ownerId, model, personId, exemplars });
}

/** Takes a person's strangers away, and dissolves it when too few are left. */
async function expel(options: RegroupingOptions, ownerId: string, personId: string): Promise<void> {
  const { db, rules, announce, model } = options;
  await db.transaction().execute(async (trx) => {
    if (await isDeletedOwner(trx, ownerId)) return;
    const revision = await beginChange(trx, ownerId);
    if ((await findGroupedRevision(trx, { ownerId, model })) === undefined) return;
    if ((await listUntouched(trx, ownerId, [personId])).length === 0) return;
    const { strangers } = await lookAt(trx, options, ownerId, personId);
    if (strangers.length === 0) return;
    // Faces without an embedding count: nothing says that they are somebody else's.
    const left = (await countFaces(trx, ownerId, personId)) - strangers.length;
    const photoIds = await takeFaces(trx, ownerId, personId, left < rules.foundSize ? "all" : strangers);
    await deleteEmptyPersons(trx, ownerId, [personId]);
    await announce(trx, { ownerId, revision, photoIds, personIds: [personId] });
  });
}

/** Second phase: persons that are one beyond doubt become one, unless a human has spoken of both. */
async function mergePeople(options: RegroupingOptions, ownerId: string, signal: AbortSignal): Promise<void> {
  const { db, indexes, rules } = options;
  const index = await indexes.current(db, ownerId);
  if (!index) return;
  const { mergeDistance } = rules.calibration;
  for (const { personId, otherId } of await findAlikePeople(index, mergeDistance, {
    limit: mergesAtMost,
    signal,
  })) {
    signal.throwIfAborted();
    await db.transaction().execute((trx) => mergePair(trx, options, ownerId, [personId, otherId]));
  }
}

async function mergePair(
  trx: Trx,
  { indexes, rules, announce }: RegroupingOptions,
  ownerId: string,
  pair: readonly [string, string],
): Promise<void> {
  if (await isDeletedOwner(trx, ownerId)) return;
  const untouched = await listUntouched(trx, ownerId, pair);
  if (untouched.length === 0) return;
  const revision = await beginChange(trx, ownerId);
  const index = await indexes.before(trx, ownerId);
  const people = pair.map((id) => index?.person(id));
  const [one, other] = people;
  // An earlier pair may have changed these.
  if (!one || !other || meanDistance(one, other) > rules.calibration.mergeDistance) return;
  if (await areTogether(trx, ownerId, ...pair)) return;
  const distinct = await listDistinctPairs(trx, ownerId);
  if (distinct.some(({ personId, otherId }) => pair.includes(personId) && pair.includes(otherId))) return;
  const [gone, survivor] = await inOrder(trx, ownerId, pair, await listUntouched(trx, ownerId, pair));
  if (!gone || !survivor) return;
  const photoIds = await moveFaces(trx, ownerId, gone, survivor);
  await deleteEmptyPersons(trx, ownerId, [gone]);
  await announce(trx, { ownerId, revision, photoIds, personIds: [gone, survivor] });
}

/** Who goes first: one that no human has spoken of, of two of them the one with fewer faces, then the younger one. */
async function inOrder(
  trx: Trx,
  ownerId: string,
  pair: readonly [string, string],
  untouched: readonly string[],
): Promise<string[]> {
  if (untouched.length === 0) return [];
  const people = await Promise.all(
    pair.map(async (id) => ({
      id,
      touched: untouched.includes(id) ? 0 : 1,
      faces: await countFaces(trx, ownerId, id),
    })),
  );
  people.sort((a, b) => a.touched - b.touched || a.faces - b.faces || (a.id > b.id ? -1 : 1));
  return people.map(({ id }) => id);
}

function noCounts(): RegroupCounts {
  return { facesSeen: 0, facesAssigned: 0, peopleMade: 0 };
}
