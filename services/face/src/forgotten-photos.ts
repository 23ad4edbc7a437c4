import { isDeletedOwner } from "@ocelli/chassis";
import type { eventsV1 } from "@ocelli/contracts";
import type { Transaction } from "kysely";
import { appendPeopleChanges } from "./people-events.ts";
import { deleteEmptyPersons } from "./store/empty-persons.ts";
import { deleteFaces, listEarlierFaces } from "./store/faces.ts";
import { beginChange } from "./store/owners.ts";
import { deletePhotoState } from "./store/photo-states.ts";
import { deleteScan } from "./store/scans.ts";
import type { FaceTables } from "./store/tables.ts";

/** Forgets a photo that was deleted: its faces, what humans said of them, and persons that were on no other photo. */
export async function forgetPhoto(trx: Transaction<FaceTables>, photo: eventsV1.PhotoRef): Promise<void> {
  const { ownerId, photoId } = photo;
  await deletePhotoState(trx, ownerId, photoId);
  await deleteScan(trx, ownerId, photoId);
  // Of an owner that is gone everything is deleted elsewhere, and nobody is to be told.
  if (await isDeletedOwner(trx, ownerId)) return;
  // Only scans bring faces to a photo, and none of this one can come now; a photo without faces changes nothing.
  if ((await listEarlierFaces(trx, ownerId, photoId)).length === 0) return;
  const revision = await beginChange(trx, ownerId);
  const faces = await listEarlierFaces(trx, ownerId, photoId);
  await deleteFaces(
    trx,
    ownerId,
    faces.map(({ id }) => id),
  );
  const personIds = [...new Set(faces.flatMap(({ personId }) => personId ?? []))];
  await deleteEmptyPersons(trx, ownerId, personIds);
  await appendPeopleChanges(trx, { ownerId, revision, photoIds: [], personIds });
}
