import {
  consumeDeletions,
  consumeStage,
  isDeletedPhoto,
  type PreviewSource,
  photoOfTrigger,
  type StageLimits,
} from "@ocelli/analysis";
import { appendEvent, consumeOwnerDeletions, deleteOwnedRows, type ServiceHost } from "@ocelli/chassis";
import { events } from "@ocelli/contracts";
import type { Engine } from "@ocelli/inference";
import { analyzeFaces, type FaceResult, faceModelVersion } from "./model/analyze.ts";
import { toFaceView } from "./rpc/face-view.ts";
import { deleteFaces, findFacesOfBytes, saveScan } from "./store/faces.ts";
import { type FaceTables, ownedTables } from "./store/tables.ts";

/** What the consumers need. */
export interface FaceEventDependencies {
  host: ServiceHost<FaceTables>;
  engine: Engine;
  previews: PreviewSource;
  newId: () => string;
  limits: StageLimits;
}

/**
 * Consumes `library.photo.ready` and `library.photo.requested` (scan), `library.photo.deleted` and `auth.user.deleted` (forget); emits
 * `face.photo.scanned`.
 */
export function consumeFaceEvents({ host, engine, previews, newId, limits }: FaceEventDependencies): void {
  const { db } = host.database;
  const model = faceModelVersion(engine);
  consumeStage<FaceTables, FaceResult[]>(
    host,
    "face",
    {
      stage: "faces",
      model,
      triggers: [events.photoReady.subject],
      photoOf: photoOfTrigger(events.photoReady),
      findBySha256: (sha256) => findFacesOfBytes(db, sha256, model),
      async analyze(photo, _event, signal) {
        return (await analyzeFaces(engine, await previews.open(photo, ["faces"], signal))).faces;
      },
      isDeleted: (trx, photo) => isDeletedPhoto(trx, photo),
      async save(trx, photo, { result, ms }) {
        const faces = result.map((face) => ({ ...face, id: newId() }));
        await saveScan(trx, photo, { faces, model, ms });
        await appendEvent(trx, {
          type: events.photoFacesScanned,
          message: { photo, faces: faces.map(toFaceView), provenance: { model, ms } },
        });
      },
    },
    limits,
  );
  consumeDeletions(host, "face", (trx, photo) => deleteFaces(trx, photo.ownerId, photo.photoId));
  consumeOwnerDeletions(host, "face", (owner) => deleteOwnedRows(db, ownedTables, owner));
}
