import type { Box, commonV1 } from "@ocelli/contracts";
import type {
  BoxView,
  CaptionView,
  ColorView,
  FaceView,
  ObjectView,
  SceneView,
  TextView,
} from "./schemas.ts";

const captionSources = {
  RESULT_SOURCE_NEURAL: "NEURAL",
  RESULT_SOURCE_PLAIN: "PLAIN",
  RESULT_SOURCE_USER: "USER",
  RESULT_SOURCE_UNSPECIFIED: "UNKNOWN",
} as const;

/** A box; an absent one is empty. */
export function toBoxView(box: Box | undefined): BoxView {
  return { x: box?.x ?? 0, y: box?.y ?? 0, width: box?.width ?? 0, height: box?.height ?? 0 };
}

/** A caption with the model that made it. */
export function toCaptionView(caption: commonV1.Caption, model: string): CaptionView {
  return { text: caption.text, source: captionSources[caption.source], model, score: caption.score };
}

/** A face; an unknown person is `null`. */
export function toFaceView(face: commonV1.Face): FaceView {
  return {
    id: face.id,
    box: toBoxView(face.box),
    score: face.score,
    quality: face.quality,
    personId: face.personId || null,
    personName: face.personName || null,
  };
}

/** The scene part of what the scene service says. */
export function toSceneView(scene: commonV1.SceneResult): SceneView {
  return {
    labels: scene.labels.map(toLabelView),
    indoor: scene.place === "indoor" ? true : scene.place === "outdoor" ? false : null,
    unsure: scene.unsure,
    tags: scene.tags.map(toLabelView),
  };
}

/** A detected thing. */
export function toObjectView(object: commonV1.DetectedObject): ObjectView {
  return { label: object.label, score: object.score, box: toBoxView(object.box) };
}

/** A dominant colour. */
export function toColorView(color: commonV1.ColorShare): ColorView {
  return { name: color.name, hex: color.hex, share: color.share };
}

/** Lines of text with their joined content. */
export function toTextView(lines: readonly commonV1.TextLine[]): TextView {
  return {
    content: lines.map((line) => line.text).join("\n"),
    lines: lines.map((line) => ({ text: line.text, score: line.score, box: toBoxView(line.box) })),
  };
}

function toLabelView({ label, score }: commonV1.ScoredLabel): { label: string; score: number } {
  return { label, score };
}
