import { events } from "./event-types.ts";

/** One analysis stage of a photo. */
export interface Stage {
  /** Stable name, as shown on the photo. */
  readonly name: string;
  /** Service that runs it. */
  readonly service: string;
  /** Stages that must have ended (in any way) before it starts; `ready` is the upload itself. */
  readonly needs: readonly string[];
  /** Subject of the event that ends it well. */
  readonly produces: string;
}

/**
 * The stage tree. Adding a stage means adding a line here and a service that subscribes.
 * `caption` needs `scene` because its plain sentences are built from the objects and tags found there;
 * detecting objects a second time in the captioning service would cost ~40 ms of CPU per photo.
 */
export const stages: readonly Stage[] = [
  { name: "scene", service: "scene", needs: ["ready"], produces: events.photoClassified.subject },
  { name: "faces", service: "face", needs: ["ready"], produces: events.photoFacesScanned.subject },
  { name: "people", service: "face", needs: ["faces"], produces: events.photoGrouped.subject },
  { name: "ocr", service: "captioning", needs: ["ready"], produces: events.photoTextRead.subject },
  { name: "embed", service: "search", needs: ["ready"], produces: events.photoEmbedded.subject },
  { name: "caption", service: "captioning", needs: ["scene"], produces: events.photoCaptioned.subject },
  {
    name: "index",
    service: "search",
    needs: ["caption", "scene", "ocr", "people", "embed"],
    produces: events.photoIndexed.subject,
  },
];

/** The stage that an event ends well, if any. */
export function stageProducedBy(subject: string): Stage | undefined {
  return stages.find((stage) => stage.produces === subject);
}
