import {
  appendStageFailed,
  consumeDeletions,
  consumeStage,
  isDeletedPhoto,
  type PreviewSource,
  photoOfTrigger,
  requestedPhoto,
  type StageEvent,
  type StageLimits,
} from "@ocelli/analysis";
import {
  consumeOwnerDeletions,
  decodeEvent,
  deleteOwnedRows,
  dropDeadLetter,
  isDeletedOwner,
  type ServiceHost,
} from "@ocelli/chassis";
import { events, type eventsV1 } from "@ocelli/contracts";
import type { Engine } from "@ocelli/inference";
import { forgetPhoto } from "./forgotten-photos.ts";
import type { Grouping } from "./grouping.ts";
import { embeddingModelVersion, faceModelVersion } from "./model/analyze.ts";
import { type ScannedFace, scanFaces } from "./model/scan.ts";
import { createScans, type Scans } from "./scans.ts";
import { facesEnabled } from "./store/owners.ts";
import { savePhotoState } from "./store/photo-states.ts";
import { findFacesOfBytes } from "./store/scans.ts";
import { type FaceTables, ownedTables } from "./store/tables.ts";

/** What the consumers need. */
export interface FaceEventDependencies {
  host: ServiceHost<FaceTables>;
  engine: Engine;
  previews: PreviewSource;
  grouping: Grouping;
  newId: () => string;
  limits: StageLimits;
}

/**
 * Consumes `library.photo.ready` and `library.photo.requested` (scan and group), `library.photo.changed` (count or
 * not), `library.photo.deleted` and `auth.user.deleted` (forget); emits `face.photo.scanned`, `face.photo.grouped`,
 * `face.photos.changed` and `face.person.changed`.
 */
export function consumeFaceEvents(dependencies: FaceEventDependencies): void {
  const { host, engine, grouping, newId } = dependencies;
  const { db } = host.database;
  const models = { model: faceModelVersion(engine), embeddingModel: embeddingModelVersion(engine) };
  const scans = createScans({ models, grouping, newId });
  consumeScans(dependencies, scans);
  consumeGroupingRequests(dependencies, scans);
  consumePhotoChanges(host);
  consumeDeletions(host, "face", forgetPhoto);
  consumeOwnerDeletions(host, "face", (owner) => deleteOwnedRows(db, ownedTables, owner));
}

/** One look at a photo serves both stages: its faces, and whose they are. */
function consumeScans(dependencies: FaceEventDependencies, scans: Scans): void {
  const { host, engine, previews, grouping, limits } = dependencies;
  const { db } = host.database;
  const models = { model: faceModelVersion(engine), embeddingModel: embeddingModelVersion(engine) };
  consumeStage<FaceTables, ScannedFace[]>(
    host,
    "face",
    {
      stage: "faces",
      alsoEnds: ["people"],
      model: models.model,
      triggers: [events.photoReady.subject],
      photoOf: photoOfTrigger(events.photoReady),
      skip: {
        applies: async (photo) => !(await facesEnabled(db, photo.ownerId)),
        save: scans.skip,
      },
      findBySha256: (sha256) => findFacesOfBytes(db, sha256, models),
      async analyze(photo, _event, signal) {
        const faces = await scanFaces(engine, await previews.open(photo, ["faces"], signal));
        await grouping.prepare(photo.ownerId);
        return faces;
      },
      isDeleted: (trx, photo) => isDeletedPhoto(trx, photo),
      save: scans.save,
    },
    limits,
  );
}

// Grouping again fetches nothing and runs no model: what fails is the store, which is back after these waits or not.
const groupingBackoffMs = [500, 2_000, 10_000, 30_000];

/** Groups a photo again that is not to be scanned again. */
function consumeGroupingRequests({ host, grouping, limits }: FaceEventDependencies, scans: Scans): void {
  const consumer = "face-people";
  host.consume({
    consumer,
    filter: events.photoStagesRequested.subject,
    concurrency: limits.concurrency,
    maxDeliver: limits.maxAttempts,
    backoffMs: groupingBackoffMs,
    async handle(event, { once }) {
      const photo = photoToGroup(event);
      if (!photo) return;
      await grouping.prepare(photo.ownerId);
      await once(async (trx) => {
        if (!(await isDeletedPhoto(trx, photo))) await scans.group(trx, photo);
      });
    },
    async onGiveUp(trx, event, error, attempts) {
      const photo = photoToGroup(event);
      if (!photo) return;
      if (await isDeletedOwner(trx, photo.ownerId)) await dropDeadLetter(trx, consumer, event.id);
      else await appendStageFailed(trx, "face", "people", photo, error, attempts);
    },
  });
}

/** A scan groups, too: where both are asked for, this stage has nothing to do. */
function photoToGroup(event: StageEvent): eventsV1.PhotoRef | undefined {
  return requestedPhoto(event, "faces") ? undefined : requestedPhoto(event, "people");
}

function consumePhotoChanges(host: ServiceHost<FaceTables>): void {
  host.consume({
    consumer: "face-photo-changes",
    filter: events.photoChanged.subject,
    concurrency: 4,
    async handle(event, { once }) {
      const { photo, withheld, revision } = decodeEvent(events.photoChanged, event);
      if (!photo) return;
      const { ownerId, photoId } = photo;
      await once(async (trx) => {
        if (await isDeletedPhoto(trx, photo)) return;
        await savePhotoState(trx, { ownerId, photoId, withheld, revision });
      });
    },
  });
}
