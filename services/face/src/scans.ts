import type { StageOutcome } from "@ocelli/analysis";
import { appendEvent } from "@ocelli/chassis";
import { events, type eventsV1 } from "@ocelli/contracts";
import type { Transaction } from "kysely";
import { matchFaces } from "./face-matching.ts";
import type { Grouping } from "./grouping.ts";
import type { ScannedFace } from "./model/scan.ts";
import { appendPeopleChanges } from "./people-events.ts";
import { toFaceView } from "./rpc/face-view.ts";
import { saveCrops } from "./store/crops.ts";
import { saveEmbeddings } from "./store/embeddings.ts";
import { deleteEmptyPersons } from "./store/empty-persons.ts";
import {
  deleteFaces,
  listEarlierFaces,
  listPhotoFaces,
  markUndetected,
  type StoredFace,
  saveFaces,
} from "./store/faces.ts";
import { beginChange, facesEnabled } from "./store/owners.ts";
import { type ScanModels, saveScan } from "./store/scans.ts";
import type { FaceTables } from "./store/tables.ts";

type Trx = Transaction<FaceTables>;

/** What {@link createScans} stands on. */
export interface ScanOptions {
  models: ScanModels;
  grouping: Grouping;
  newId: () => string;
}

/** How scans of photos are stored. All of it happens in the given transaction, for a photo that is not deleted. */
export interface Scans {
  /** Stores what was found, groups it and tells of both; nothing of it where the owner turned faces off meanwhile. */
  save(trx: Trx, photo: eventsV1.PhotoRef, outcome: StageOutcome<ScannedFace[]>): Promise<void>;
  /** Tells that nobody looked. */
  skip(trx: Trx, photo: eventsV1.PhotoRef): Promise<void>;
  /** Groups what is stored of a photo once more, and tells of it. */
  group(trx: Trx, photo: eventsV1.PhotoRef): Promise<void>;
}

/** Creates the rules of scans. */
export function createScans({ models, grouping, newId }: ScanOptions): Scans {
  async function skip(trx: Trx, photo: eventsV1.PhotoRef): Promise<void> {
    const revision = await beginChange(trx, photo.ownerId);
    await tellSkipped(trx, photo, { revision, models });
  }

  return {
    skip,

    async save(trx, photo, { result, ms }) {
      const { ownerId } = photo;
      const revision = await beginChange(trx, ownerId);
      // Asked under the lock: what is found after the switch went off is dropped.
      if (!(await facesEnabled(trx, ownerId))) return tellSkipped(trx, photo, { revision, models });
      const left = await storeFaces(trx, photo, { found: result, models, newId });
      await saveScan(trx, photo, { model: models.model, ms });
      await groupAndTell(trx, photo, { revision, left, grouping, models, scan: { ms } });
    },

    async group(trx, photo) {
      const revision = await beginChange(trx, photo.ownerId);
      const enabled = await facesEnabled(trx, photo.ownerId);
      if (enabled) await groupAndTell(trx, photo, { revision, left: [], grouping, models });
      else await tellGrouped(trx, photo, { revision, models, skipped: true, ms: 0 });
    },
  };
}

/** Replaces what earlier scans saw, and keeps what humans said. Answers persons that lost a face. */
async function storeFaces(
  trx: Trx,
  photo: eventsV1.PhotoRef,
  { found, models, newId }: { found: readonly ScannedFace[]; models: ScanModels; newId: () => string },
): Promise<string[]> {
  const { ownerId, photoId } = photo;
  const earlier = await listEarlierFaces(trx, ownerId, photoId);
  const ids = matchFaces(earlier, found);
  const faces = found.map((face, index) => ({ ...face, id: ids[index] ?? newId() }));
  const unseen = earlier.filter(({ id }) => !ids.includes(id));
  const gone = unseen.filter(({ spokenOf }) => !spokenOf);
  const kept = unseen.filter(({ spokenOf }) => spokenOf);
  await deleteFaces(
    trx,
    ownerId,
    gone.map(({ id }) => id),
  );
  await markUndetected(
    trx,
    ownerId,
    kept.map(({ id }) => id),
  );
  await saveFaces(trx, photo, faces);
  const erased = new Set(earlier.filter((face) => face.erased).map(({ id }) => id));
  const made = faces.filter(({ id }) => !erased.has(id)).map((face) => ({ ...face, faceId: face.id }));
  await saveEmbeddings(trx, ownerId, models.embeddingModel, made);
  await saveCrops(trx, ownerId, made);
  return gone.flatMap(({ personId }) => personId ?? []);
}

/** What {@link groupAndTell} works on. */
interface GroupWork {
  revision: number;
  /** Persons that lost a face before. */
  left: readonly string[];
  grouping: Grouping;
  models: ScanModels;
  /** The scan to tell of, if there was one. */
  scan?: { ms: number };
}

async function groupAndTell(trx: Trx, photo: eventsV1.PhotoRef, work: GroupWork): Promise<void> {
  const { ownerId, photoId } = photo;
  const { revision, models, scan } = work;
  const startedAt = performance.now();
  const changed = await work.grouping.assignPhoto(trx, { ownerId, photoId });
  const dissolved = await deleteEmptyPersons(trx, ownerId, work.left);
  const ms = performance.now() - startedAt;
  const faces = await listPhotoFaces(trx, ownerId, photoId);
  if (scan) await tellScanned(trx, photo, { faces, models, ms: scan.ms, skipped: false });
  await tellGrouped(trx, photo, { revision, models, ms, skipped: false, faces });
  await appendPeopleChanges(trx, {
    ownerId,
    revision,
    // The photo itself has an event of its own.
    photoIds: changed.photoIds.filter((id) => id !== photoId),
    personIds: [...new Set([...changed.personIds, ...dissolved])],
  });
}

/** Ends both stages of a photo that is not looked at; what a human said of its faces is told as it is. */
async function tellSkipped(
  trx: Trx,
  photo: eventsV1.PhotoRef,
  { revision, models }: { revision: number; models: ScanModels },
): Promise<void> {
  const faces = await listPhotoFaces(trx, photo.ownerId, photo.photoId);
  await tellScanned(trx, photo, { faces, models, ms: 0, skipped: true });
  await tellGrouped(trx, photo, { revision, models, ms: 0, skipped: true, faces });
}

async function tellScanned(
  trx: Trx,
  photo: eventsV1.PhotoRef,
  told: { faces: readonly StoredFace[]; models: ScanModels; ms: number; skipped: boolean },
): Promise<void> {
  const { faces, models, ms, skipped } = told;
  const provenance = { model: models.model, ms };
  const message = { photo, faces: faces.map(toFaceView), provenance, skipped };
  await appendEvent(trx, { type: events.photoFacesScanned, message });
}

async function tellGrouped(
  trx: Trx,
  photo: eventsV1.PhotoRef,
  told: {
    revision: number;
    models: ScanModels;
    ms: number;
    skipped: boolean;
    faces?: readonly StoredFace[];
  },
): Promise<void> {
  const { revision, models, ms, skipped } = told;
  const faces = told.faces ?? (await listPhotoFaces(trx, photo.ownerId, photo.photoId));
  const personIds = [...new Set(faces.flatMap(({ personId }) => personId ?? []))];
  const provenance = { model: models.embeddingModel, ms };
  await appendEvent(trx, {
    type: events.photoGrouped,
    message: { photo, personIds, revision, provenance, skipped },
  });
}
