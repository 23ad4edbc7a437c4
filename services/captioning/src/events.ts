import {
  consumeDeletions,
  consumeStage,
  isDeletedPhoto,
  type PreviewSource,
  photoOfTrigger,
  type StageEvent,
  type StageLimits,
} from "@ocelli/analysis";
import {
  appendEvent,
  consumeOwnerDeletions,
  decodeEvent,
  deleteOwnedRows,
  type ServiceHost,
} from "@ocelli/chassis";
import { type commonV1, events, type eventsV1, photoStageFailed } from "@ocelli/contracts";
import type { Engine } from "@ocelli/inference";
import {
  type CaptionContext,
  captionImage,
  captionModelVersion,
  readText,
  textModelVersion,
} from "./model/analyze.ts";
import { toCaption } from "./rpc/caption-view.ts";
import { type StoredSceneReader, toCaptionContext } from "./scene-context.ts";
import { findCaptionOfBytes, saveModelCaption } from "./store/captions.ts";
import { type CaptioningTables, ownedTables } from "./store/tables.ts";
import { deletePhotoWords, findTextOfBytes, saveText } from "./store/texts.ts";

/** What the consumers need. */
export interface CaptioningEventDependencies {
  host: ServiceHost<CaptioningTables>;
  engine: Engine;
  previews: PreviewSource;
  /** What is stored of a photo's scene, for captions that are asked for again. */
  storedScene: StoredSceneReader;
  limits: StageLimits;
}

/**
 * Consumes `library.photo.ready` and `library.photo.requested` (read text), what the scene service says of the photo (caption, also when it
 * failed), `library.photo.deleted` and `auth.user.deleted` (forget); emits `captioning.photo.read` and `captioning.photo.captioned`.
 */
export function consumeCaptioningEvents(dependencies: CaptioningEventDependencies): void {
  consumeText(dependencies);
  consumeCaption(dependencies);
  const { host } = dependencies;
  consumeDeletions(host, "captioning", (trx, photo) => deletePhotoWords(trx, photo.ownerId, photo.photoId));
  consumeOwnerDeletions(host, "captioning", (owner) => deleteOwnedRows(host.database.db, ownedTables, owner));
}

function consumeText({ host, engine, previews, limits }: CaptioningEventDependencies): void {
  const { db } = host.database;
  const model = textModelVersion(engine);
  consumeStage<CaptioningTables, commonV1.TextLine[]>(
    host,
    "captioning",
    {
      stage: "ocr",
      model,
      triggers: [events.photoReady.subject],
      photoOf: photoOfTrigger(events.photoReady),
      findBySha256: (sha256) => findTextOfBytes(db, sha256, model),
      async analyze(photo, _event, signal) {
        return (await readText(engine, await previews.open(photo, ["ocr"], signal))).lines;
      },
      isDeleted: (trx, photo) => isDeletedPhoto(trx, photo),
      async save(trx, photo, { result, ms }) {
        await saveText(trx, photo, { lines: result, model, ms });
        await appendEvent(trx, {
          type: events.photoTextRead,
          message: { photo, lines: result, provenance: { model, ms } },
        });
      },
    },
    limits,
  );
}

function consumeCaption(dependencies: CaptioningEventDependencies): void {
  const { host, engine, previews, limits, storedScene } = dependencies;
  const { db } = host.database;
  const model = captionModelVersion(engine);
  consumeStage<CaptioningTables, commonV1.Caption>(
    host,
    "captioning",
    {
      stage: "caption",
      model,
      triggers: [events.photoClassified.subject, photoStageFailed("scene").subject],
      photoOf: photoOfSceneEvent,
      findBySha256: (sha256) => findCaptionOfBytes(db, sha256, model),
      async analyze(photo, event, signal) {
        const image = await previews.open(photo, ["caption"], signal);
        const context = contextOf(event) ?? (await storedScene(photo, signal));
        return toCaption(await captionImage(engine, image, context));
      },
      isDeleted: (trx, photo) => isDeletedPhoto(trx, photo),
      async save(trx, photo, { result, ms }) {
        const stored = await saveModelCaption(trx, photo, { caption: result, model, ms });
        await appendEvent(trx, {
          type: events.photoCaptioned,
          message: { photo, caption: stored.caption, provenance: { model: stored.model, ms } },
        });
      },
    },
    limits,
  );
}

/**
 * A photo is captioned once its scene stage has ended, well or not. When a job asked for the scene, it asks for the
 * caption as well if it is wanted.
 */
function photoOfSceneEvent(event: StageEvent): eventsV1.PhotoRef | undefined {
  const failed = photoStageFailed("scene");
  const photo =
    event.subject === failed.subject
      ? decodeEvent(failed, event).photo
      : decodeEvent(events.photoClassified, event).photo;
  return photo?.requestId === undefined ? photo : undefined;
}

/** What a scene event says; undefined for a request, which says nothing of the scene. */
function contextOf(event: StageEvent): CaptionContext | undefined {
  if (event.subject === events.photoStagesRequested.subject) return undefined;
  if (event.subject !== events.photoClassified.subject) return toCaptionContext(undefined);
  return toCaptionContext(decodeEvent(events.photoClassified, event).scene);
}
