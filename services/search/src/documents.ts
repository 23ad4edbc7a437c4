import { type BusEvent, decodeEvent } from "@ocelli/chassis";
import { type commonV1, events, type eventsV1, stages } from "@ocelli/contracts";
import type { DocumentPart, MeaningColumn } from "./store/documents.ts";

/** Version of how documents are built; part of what the index stage reports. */
export const indexVersion = "documents@2";

/** Stages that must have ended before a document is complete. */
export const indexNeeds: readonly string[] = stages.find((stage) => stage.name === "index")?.needs ?? [];

/** What an event says for a photo's document. */
export interface DocumentAddition {
  photo: eventsV1.PhotoRef;
  part: DocumentPart;
  /** Stage that ended with the event. */
  stage: string | undefined;
}

// Long texts (a photographed page) are cut: what makes a photo findable comes first.
const maxOcrCharacters = 20_000;

/** Turns an event into its part of the document; undefined for events that say nothing findable. */
export function documentPartOf(event: BusEvent): DocumentAddition | undefined {
  switch (event.subject) {
    case events.photoReady.subject: {
      const ready = decodeEvent(events.photoReady, event);
      return addition(ready.photo, factsOf(ready));
    }
    case events.photoClassified.subject: {
      const { photo, scene } = decodeEvent(events.photoClassified, event);
      return addition(photo, { labels: scene ? labelsOf(scene) : [], labels_event: event.id }, "scene");
    }
    case events.photoCaptioned.subject: {
      const { photo, caption } = decodeEvent(events.photoCaptioned, event);
      return addition(photo, { caption: caption?.text ?? "", caption_event: event.id }, "caption");
    }
    case events.photoTextRead.subject: {
      const { photo, lines } = decodeEvent(events.photoTextRead, event);
      return addition(photo, { ocr_text: textOf(lines), text_event: event.id }, "ocr");
    }
    default:
      return undefined;
  }
}

/** What the file itself says of a photo. */
export function factsOf(ready: eventsV1.PhotoReady): DocumentPart {
  return {
    filename: ready.filename,
    taken_at: ready.takenAt ?? null,
    created_at: ready.createdAt ?? null,
    width: ready.width || null,
    height: ready.height || null,
    media_type: ready.mediaType || null,
    size_bytes: ready.sizeBytes || null,
    camera: ready.camera || null,
    lens: ready.lens || null,
    city: ready.city || null,
    region: ready.region || null,
    country: ready.country || null,
  };
}

/** The sentence of an event whose meaning is to be stored with it, and where; see `meanings.ts`. */
export function sentenceOf({ part }: DocumentAddition): { column: MeaningColumn; text: string } | undefined {
  if (part.caption !== undefined) return { column: "caption_meaning", text: part.caption };
  if (part.labels !== undefined) return { column: "labels_meaning", text: part.labels.join(" ") };
  return undefined;
}

/** Below the id of every event of a moment and above those of earlier ones. */
export function eventIdAt(moment: Date): string {
  const time = moment.getTime().toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-000000000000`;
}

/** Text of a photo as it is searched. */
export function textOf(lines: readonly commonV1.TextLine[]): string {
  return lines
    .map((line) => line.text)
    .join("\n")
    .slice(0, maxOcrCharacters);
}

/** Words under which a scene is found, in lower case and without repeats: scene labels, place, tags, objects, colours. */
export function labelsOf(scene: commonV1.SceneResult): string[] {
  const place = scene.place === "unknown" ? [] : [scene.place];
  const named = [...scene.labels, ...scene.tags, ...scene.objects].map(({ label }) => label);
  return [...new Set([...named, ...place].map((label) => label.toLowerCase()))];
}

function addition(
  photo: eventsV1.PhotoRef | undefined,
  part: DocumentPart,
  stage?: string,
): DocumentAddition | undefined {
  return photo && { photo, part, stage };
}
