import { type BusEvent, decodeEvent } from "@ocelli/chassis";
import { type commonV1, events, type eventsV1, stages } from "@ocelli/contracts";
import type { DocumentPart } from "./store/documents.ts";

/** Version of how documents are built; part of what the index stage reports. */
export const indexVersion = "documents@1";

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
      const { photo, filename, takenAt } = decodeEvent(events.photoReady, event);
      return addition(photo, { filename, taken_at: takenAt ?? null });
    }
    case events.photoClassified.subject: {
      const { photo, scene } = decodeEvent(events.photoClassified, event);
      return addition(photo, { labels: scene ? labelsOf(scene) : [] }, "scene");
    }
    case events.photoCaptioned.subject: {
      const { photo, caption } = decodeEvent(events.photoCaptioned, event);
      return addition(photo, { caption: caption?.text ?? "" }, "caption");
    }
    case events.photoTextRead.subject: {
      const { photo, lines } = decodeEvent(events.photoTextRead, event);
      const text = lines.map((line) => line.text).join("\n");
      return addition(photo, { ocr_text: text.slice(0, maxOcrCharacters) }, "ocr");
    }
    default:
      return undefined;
  }
}

/** Words under which a scene is found, without repeats: scene labels, place, tags, objects, colours. */
export function labelsOf(scene: commonV1.SceneResult): string[] {
  const place = scene.place === "unknown" ? [] : [scene.place];
  const named = [...scene.labels, ...scene.tags, ...scene.objects].map(({ label }) => label);
  return [...new Set([...named, ...place])];
}

function addition(
  photo: eventsV1.PhotoRef | undefined,
  part: DocumentPart,
  stage?: string,
): DocumentAddition | undefined {
  return photo && { photo, part, stage };
}
