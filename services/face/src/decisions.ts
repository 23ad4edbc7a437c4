import type { PersonChange, PersonChanger } from "./person-changes.ts";
import { faceNotFound, personNotFound } from "./person-errors.ts";
import { parseFaceId, parseFaceIds, parsePersonId } from "./person-input.ts";
import { assignFaces, findFacesToDecide, rejectFace, unrejectFace } from "./store/decisions.ts";
import { forgetReturned, readmit } from "./store/merge-faces.ts";
import { findHolder, speakOfPerson } from "./store/people.ts";
import { type FaceView, findFaces } from "./store/people-faces.ts";

/** What {@link createDecisions} stands on. */
export interface DecisionsOptions {
  changer: PersonChanger;
}

/**
 * What humans say of faces. Their word is kept: no model takes it back, only a newer word does. A person that was merged
 * is whoever it became. Unknown faces and persons and those of others answer alike, NOT_FOUND/{FACE,PERSON}_NOT_FOUND.
 */
export interface Decisions {
  /** Empty `personId` for nobody's. In the order asked. @throws AppError INVALID_ARGUMENT/INVALID_FACES. */
  assign(ownerId: string, faceIds: readonly string[], personId: string): Promise<FaceView[]>;
  reject(ownerId: string, faceId: string, personId: string): Promise<FaceView>;
  unreject(ownerId: string, faceId: string, personId: string): Promise<void>;
}

/** Creates the rules of decisions. */
export function createDecisions({ changer }: DecisionsOptions): Decisions {
  return {
    async assign(ownerId, faceIds, personId) {
      const ids = parseFaceIds(faceIds);
      const asked = personId === "" ? null : parsePersonId(personId);
      return changer.change(ownerId, async (change) => {
        await giveFaces(change, ids, asked === null ? null : await requireHolder(change, asked));
        return facesInOrder(change, ids);
      });
    },
    async reject(ownerId, faceId, personId) {
      const ids = [parseFaceId(faceId)];
      const asked = parsePersonId(personId);
      return changer.change(ownerId, async (change) => {
        await rejectFrom(change, faceId, await requireHolder(change, asked));
        const [face] = await facesInOrder(change, ids);
        if (!face) throw faceNotFound();
        return face;
      });
    },
    async unreject(ownerId, faceId, personId) {
      const id = parseFaceId(faceId);
      const asked = parsePersonId(personId);
      await changer.change(ownerId, async (change) => {
        await requireFaces(change, [id]);
        await unrejectFrom(change, id, await requireHolder(change, asked));
      });
    },
  };
}

/**
 * Gives faces to a person, or to nobody, by a human's word; those whom a model made of nothing else are dissolved.
 * @throws AppError NOT_FOUND/FACE_NOT_FOUND.
 */
export async function giveFaces(
  change: PersonChange,
  faceIds: readonly string[],
  personId: string | null,
): Promise<void> {
  const { trx, ownerId, at } = change;
  const faces = await requireFaces(change, faceIds);
  await assignFaces(trx, ownerId, faceIds, personId);
  if (personId !== null) {
    await speakOfPerson(trx, { ownerId, personId, at });
    change.tellPersons([personId]);
  }
  const moved = faces.filter((face) => face.personId !== personId);
  change.tellPhotos(moved.map(({ photoId }) => photoId));
  await change.dissolve(moved.flatMap((face) => face.personId ?? []));
}

async function rejectFrom(change: PersonChange, faceId: string, personId: string): Promise<void> {
  const { trx, ownerId, at } = change;
  const [face] = await requireFaces(change, [faceId]);
  if (!face) throw faceNotFound();
  if (await rejectFace(trx, { ownerId, faceId, personId, at })) change.tellPhotos([face.photoId]);
  // Whom a model made of nothing but this face is gone with it. Anybody else stays, or a model could dissolve the person
  // and forget what was said with it.
  await change.dissolve([personId]);
  await speakOfPerson(trx, { ownerId, personId, at });
  change.tellPersons([personId]);
}

async function unrejectFrom(change: PersonChange, faceId: string, personId: string): Promise<void> {
  const { trx, ownerId } = change;
  await unrejectFace(trx, ownerId, faceId, personId);
  // Had a merge taken the face from the person for nothing else, it would come back with the undo of any other merge.
  const photoIds = await readmit(trx, ownerId, [personId]);
  await forgetReturned(trx, ownerId, [personId]);
  change.tellPhotos(photoIds);
  if (photoIds.length > 0) change.tellPersons([personId]);
}

/** @throws AppError NOT_FOUND/PERSON_NOT_FOUND. */
async function requireHolder({ trx, ownerId }: PersonChange, personId: string): Promise<string> {
  const holder = await findHolder(trx, ownerId, personId);
  if (holder === undefined) throw personNotFound();
  return holder;
}

async function requireFaces({ trx, ownerId }: PersonChange, faceIds: readonly string[]) {
  const faces = await findFacesToDecide(trx, ownerId, faceIds);
  if (faces.length !== faceIds.length) throw faceNotFound();
  return faces;
}

async function facesInOrder({ trx, ownerId }: PersonChange, ids: readonly string[]): Promise<FaceView[]> {
  const faces = new Map((await findFaces(trx, ownerId, ids)).map((face) => [face.id, face]));
  return ids.flatMap((id) => faces.get(id) ?? []);
}
