import {
  consumeDeletions,
  consumeStage,
  isDeletedPhoto,
  type PreviewSource,
  photoOfTrigger,
  type StageLimits,
} from "@ocelli/analysis";
import { appendEvent, consumeOwnerDeletions, deleteOwnedRows, type ServiceHost } from "@ocelli/chassis";
import type { commonV1 } from "@ocelli/contracts";
import { events } from "@ocelli/contracts";
import type { Engine } from "@ocelli/inference";
import { analyzeScene, sceneModelVersion } from "./model/analyze.ts";
import { toSceneResult } from "./rpc/scene-view.ts";
import { deleteScene, findSceneOfBytes, saveScene } from "./store/scenes.ts";
import { ownedTables, type SceneTables } from "./store/tables.ts";

/** What the consumers need. */
export interface SceneEventDependencies {
  host: ServiceHost<SceneTables>;
  engine: Engine;
  previews: PreviewSource;
  limits: StageLimits;
}

/**
 * Consumes `library.photo.ready` and `library.photo.requested` (classify), `library.photo.deleted` and `auth.user.deleted` (forget); emits
 * `scene.photo.classified`.
 */
export function consumeSceneEvents({ host, engine, previews, limits }: SceneEventDependencies): void {
  const { db } = host.database;
  const model = sceneModelVersion(engine);
  consumeStage<SceneTables, commonV1.SceneResult>(
    host,
    "scene",
    {
      stage: "scene",
      model,
      triggers: [events.photoReady.subject],
      photoOf: photoOfTrigger(events.photoReady),
      findBySha256: (sha256) => findSceneOfBytes(db, sha256, model),
      async analyze(photo, _event, signal) {
        return toSceneResult(await analyzeScene(engine, await previews.open(photo, ["scene"], signal)));
      },
      isDeleted: (trx, photo) => isDeletedPhoto(trx, photo),
      async save(trx, photo, { result, ms }) {
        await saveScene(trx, photo, { scene: result, model, ms });
        await appendEvent(trx, {
          type: events.photoClassified,
          message: { photo, scene: result, provenance: { model, ms } },
        });
      },
    },
    limits,
  );
  consumeDeletions(host, "scene", (trx, photo) => deleteScene(trx, photo.ownerId, photo.photoId));
  consumeOwnerDeletions(host, "scene", (owner) => deleteOwnedRows(db, ownedTables, owner));
}
