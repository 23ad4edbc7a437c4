import type { BusEvent } from "@ocelli/chassis";
import { type EventType, events, eventsV1, isStageFailedSubject } from "@ocelli/contracts";
import { withoutPerson } from "../known-people.ts";
import { toSceneViews } from "../photo-results.ts";
import { required } from "../views/required.ts";
import { toCaptionView, toFaceView, toTextView } from "../views/results.ts";
import { captionLine, facesLine, indexLine, type LineBody, sceneLines, textLine } from "./lines.ts";

/** What one event says of a photo. */
export type PhotoUpdate = { readonly photoId: string; readonly ownerId: string } & PhotoChange;

/** The kinds of news about a photo. */
export type PhotoChange =
  | { readonly kind: "succeeded"; readonly stage: string; readonly lines: readonly LineBody[] }
  /** Whose the faces are is known; the event does not say it. */
  | { readonly kind: "grouped" }
  | {
      readonly kind: "failed";
      readonly stage: string;
      readonly reason: string;
      readonly message: string;
    }
  | { readonly kind: "deleted" };

type Reader = (payload: Uint8Array) => PhotoUpdate;

function reader<T extends { photo: eventsV1.PhotoRef | undefined }>(
  type: EventType<T>,
  change: (message: T) => PhotoChange,
): [string, Reader] {
  const read: Reader = (payload) => {
    const message = type.message.decode(payload);
    const { photoId, ownerId } = required(message.photo, "photo");
    return { photoId, ownerId, ...change(message) };
  };
  return [type.subject, read];
}

function succeeded(stage: string, ...lines: LineBody[]): PhotoChange {
  return { kind: "succeeded", stage, lines };
}

const readers: ReadonlyMap<string, Reader> = new Map([
  reader(events.photoDeleted, () => ({ kind: "deleted" })),
  reader(events.photoClassified, ({ scene }) =>
    succeeded("scene", ...sceneLines(toSceneViews(required(scene, "scene")))),
  ),
  reader(events.photoCaptioned, ({ caption, provenance }) =>
    succeeded("caption", captionLine(toCaptionView(required(caption, "caption"), provenance?.model ?? ""))),
  ),
  reader(events.photoTextRead, ({ lines }) => succeeded("ocr", textLine(toTextView(lines)))),
  // Whose they are is told by `people`, to those who may know.
  reader(events.photoFacesScanned, ({ faces, skipped }) =>
    skipped ? succeeded("faces") : succeeded("faces", facesLine(faces.map(toFaceView).map(withoutPerson))),
  ),
  reader(events.photoGrouped, ({ skipped }) => (skipped ? succeeded("people") : { kind: "grouped" })),
  reader(events.photoEmbedded, () => succeeded("embed")),
  reader(events.photoIndexed, () => succeeded("index", indexLine())),
]);

/** Reads an event about a photo; `undefined` for kinds that no stream shows. */
export function readPhotoUpdate(event: BusEvent): PhotoUpdate | undefined {
  if (!isStageFailedSubject(event.subject)) return readers.get(event.subject)?.(event.payload);
  const { photo, stage, reason, message } = eventsV1.PhotoStageFailed.decode(event.payload);
  const { photoId, ownerId } = required(photo, "photo");
  return { photoId, ownerId, kind: "failed", stage, reason, message };
}
