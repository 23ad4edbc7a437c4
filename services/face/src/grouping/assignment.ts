import type { Transaction } from "kysely";
import { type Assignment, giveFaces, insertFoundPerson, listStillLoose } from "../store/grouping-changes.ts";
import { listFacesToGroup, listRejectionsOf, type PhotoFace } from "../store/grouping-faces.ts";
import type { FaceTables } from "../store/tables.ts";
import { similarityOf } from "./calibration.ts";
import { type DecisionRules, type FoundGroup, followersOf, groupToFound, joinsOfPhoto } from "./decisions.ts";
import type { OwnerIndex } from "./owner-index.ts";
import type { OwnerIndexes } from "./owner-indexes.ts";
import type { GroupedFace, GroupingChange } from "./types.ts";
import { distanceOf } from "./vectors.ts";

type Trx = Transaction<FaceTables>;

/** What {@link createAssignment} stands on. */
export interface AssignmentOptions {
  model: string;
  indexes: OwnerIndexes;
  rules: DecisionRules;
  newId: () => string;
}

/** What assigning the faces of a photo changed. */
export interface AssignmentChange extends GroupingChange {
  facesAssigned: number;
  peopleMade: number;
}

/** Gives faces of a photo to persons, see `Grouping`. */
export interface PhotoAssignment {
  assignPhoto(trx: Trx, photo: { ownerId: string; photoId: string }): Promise<AssignmentChange>;
}

/** Creates the rule that gives faces of a photo to persons. */
export function createAssignment(options: AssignmentOptions): PhotoAssignment {
  const { model, indexes, rules } = options;

  return {
    async assignPhoto(trx, { ownerId, photoId }) {
      const all = await listFacesToGroup(trx, { ownerId, model }, photoId);
      const faces = all.flatMap(toGroupedFace);
      if (faces.length === 0) return toChange(newChange());
      const index = await indexes.before(trx, ownerId);
      if (!index) return toChange(newChange());
      const present = new Set(all.flatMap(({ personId }) => personId ?? []));
      const ids = faces.map(({ id }) => id);
      const rejections = await listRejectionsOf(trx, ownerId, ids);
      const work = { trx, ownerId, index, rejections, options, changed: newChange() };
      const joins = joinsOfPhoto(index, rules, faces, { present, rejections });
      for (const { face, personId, distance } of joins) {
        await give(work, personId, [{ face, distance }]);
      }
      const joined = new Set(joins.map(({ face }) => face.id));
      await foundPeople(
        work,
        faces.filter(({ id }) => !joined.has(id)),
      );
      return toChange(work.changed);
    },
  };
}

/** One photo's assignment under way. */
interface Work {
  trx: Trx;
  ownerId: string;
  index: OwnerIndex;
  rejections: ReadonlyMap<string, ReadonlySet<string>>;
  options: AssignmentOptions;
  changed: ReturnType<typeof newChange>;
}

async function foundPeople(work: Work, faces: readonly GroupedFace[]): Promise<void> {
  const { trx, ownerId, index, rejections, options } = work;
  const { rules, newId } = options;
  const taken = new Set<string>();
  for (const face of faces) {
    const rejected = rejections.get(face.id) ?? new Set();
    const group = groupToFound(index, rules, face, { rejected, taken });
    if (!group) continue;
    const followers = followersOf(index, rules, group, taken);
    const all = [...group.members, ...followers.map((follower) => follower.face)];
    // The index is as old as the last change; this very one may have taken faces away.
    const still = new Set(
      await listStillLoose(
        trx,
        ownerId,
        all.map(({ id }) => id),
      ),
    );
    const members = group.members.filter(({ id }) => still.has(id));
    if (members.length < rules.foundSize) continue;
    const personId = newId();
    await insertFoundPerson(trx, ownerId, personId);
    work.changed.peopleMade += 1;
    await give(work, personId, [
      ...members.map((member) => ({ face: member, distance: nearestOther(member, { members }) })),
      ...followers,
    ]);
    for (const { id } of all) taken.add(id);
  }
}

async function give(
  { trx, ownerId, options, changed }: Work,
  personId: string,
  given: readonly { face: GroupedFace; distance: number }[],
): Promise<void> {
  const assignments: Assignment[] = given.map(({ face, distance }) => ({
    faceId: face.id,
    similarity: similarityOf(options.rules.calibration, distance),
  }));
  const done = await giveFaces(trx, ownerId, personId, assignments);
  if (done.length === 0) return;
  changed.personIds.add(personId);
  changed.facesAssigned += done.length;
  for (const { photoId } of done) changed.photoIds.add(photoId);
}

function nearestOther(face: GroupedFace, { members }: FoundGroup): number {
  const others = members.filter(({ id }) => id !== face.id);
  return Math.min(...others.map(({ vector }) => distanceOf(face.vector, vector)));
}

/** Faces that a model may give to somebody. */
function toGroupedFace({ id, photoId, quality, personId, source, vector }: PhotoFace): GroupedFace[] {
  return personId === null && source === "MODEL" && vector ? [{ id, photoId, quality, vector }] : [];
}

function newChange() {
  return { photoIds: new Set<string>(), personIds: new Set<string>(), facesAssigned: 0, peopleMade: 0 };
}

function toChange({ photoIds, personIds, ...counts }: ReturnType<typeof newChange>): AssignmentChange {
  return { photoIds: [...photoIds].sort(), personIds: [...personIds].sort(), ...counts };
}
