import { isDeletedOwner, notFound } from "@ocelli/chassis";
import type { Kysely, Transaction } from "kysely";
import { appendPeopleChanges } from "./people-events.ts";
import { deleteEmptyPersons } from "./store/empty-persons.ts";
import { beginChange, facesEnabled, writeFacesEnabled } from "./store/owners.ts";
import { deleteScansOfOwner } from "./store/scans.ts";
import { deleteRecognition, deleteUnspokenFaces, listPhotosModelsNamed } from "./store/switched-off.ts";
import type { FaceTables } from "./store/tables.ts";

/** How a user's faces are treated. */
export interface FaceSettings {
  /** Whether faces are looked for, embedded and grouped. */
  enabled: boolean;
}

/** The rules of the switch. */
export interface FaceSettingsRules {
  get(ownerId: string): Promise<FaceSettings>;
  /**
   * Turns face processing on or off, and tells which photos and persons that changes.
   * @throws AppError NOT_FOUND/USER_NOT_FOUND when the user was deleted meanwhile.
   */
  update(ownerId: string, settings: FaceSettings): Promise<FaceSettings>;
}

/** What {@link createFaceSettings} stands on. */
export interface FaceSettingsOptions {
  db: Kysely<FaceTables>;
}

/** What a change of the switch changed, for {@link appendPeopleChanges}. */
export interface SwitchChange {
  photoIds: string[];
  personIds: string[];
}

/** Creates the rules of the switch. Wake the relay after an update. */
export function createFaceSettings({ db }: FaceSettingsOptions): FaceSettingsRules {
  return {
    get: async (ownerId) => ({ enabled: await facesEnabled(db, ownerId) }),

    update: (ownerId, { enabled }) =>
      db.transaction().execute(async (trx) => {
        if (await isDeletedOwner(trx, ownerId)) throw notFound("USER_NOT_FOUND", "There is no such user.");
        const revision = await beginChange(trx, ownerId);
        if ((await facesEnabled(trx, ownerId)) === enabled) return { enabled };
        const changed = await (enabled ? enableFaces : disableFaces)(trx, ownerId);
        await appendPeopleChanges(trx, { ownerId, revision, ...changed });
        return { enabled };
      }),
  };
}

/**
 * Turns face processing off: deletes what recognises faces and whatever models said. Faces that a human named keep box
 * and name; faces that a human took from somebody keep that. The transaction has begun with `beginChange`.
 */
export async function disableFaces(trx: Transaction<FaceTables>, ownerId: string): Promise<SwitchChange> {
  await writeFacesEnabled(trx, ownerId, false);
  const photoIds = await listPhotosModelsNamed(trx, ownerId);
  await deleteUnspokenFaces(trx, ownerId);
  await deleteRecognition(trx, ownerId);
  // Without them nobody's photo is taken for one that was scanned, neither now nor when the switch is on again.
  await deleteScansOfOwner(trx, ownerId);
  const personIds = await deleteEmptyPersons(trx, ownerId);
  return { photoIds, personIds };
}

/**
 * Turns face processing on, for photos that are scanned from then on; earlier ones once their stages are requested.
 * The transaction has begun with `beginChange`.
 */
export async function enableFaces(trx: Transaction<FaceTables>, ownerId: string): Promise<SwitchChange> {
  await writeFacesEnabled(trx, ownerId, true);
  return { photoIds: [], personIds: [] };
}
