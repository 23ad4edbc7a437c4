import { z } from "@hono/zod-openapi";
import type { SceneViews } from "../photo-results.ts";
import type { CaptionView, FaceView, PhotoView, TextView } from "../views/schemas.ts";

/** Every type of line a live stream can hold. */
export const lineTypes = [
  "photo",
  "caption",
  "faces",
  "people",
  "scene",
  "objects",
  "colors",
  "text",
  "index",
  "error",
  "done",
] as const;

/**
 * One line of a live stream. `data` has the shape of the field of the same name in `GET /photos/{id}`; that of `people` is
 * `{people:[{personId, personName, faceId}]}`.
 */
export const lineSchema = z
  .object({
    type: z.enum(lineTypes),
    description: z.string().openapi({ description: "The result in words." }),
    data: z.unknown().openapi({ description: "The result itself, as in `GET /photos/{id}`." }),
    elapsedMs: z.number().openapi({ description: "Milliseconds since the request came in." }),
  })
  .openapi("ClassifyLine");

/** See {@link lineSchema}. */
export type Line = z.infer<typeof lineSchema>;
/** A line before it is sent. */
export type LineBody = Omit<Line, "elapsedMs">;

/** The photo itself, first of all lines. */
export function photoLine(photo: PhotoView & { duplicate?: boolean }): LineBody {
  return { type: "photo", description: `${photo.filename}, ${photo.width} x ${photo.height}`, data: photo };
}

/** The sentence. */
export function captionLine(caption: CaptionView): LineBody {
  return { type: "caption", description: caption.text, data: caption };
}

/** The faces. */
export function facesLine(faces: readonly FaceView[]): LineBody {
  const names = faces.flatMap((face) => face.personName ?? []);
  const description = [count(faces.length, "face"), ...names].join(", ");
  return { type: "faces", description, data: faces };
}

/** Whose the faces are; only those of known persons are told of. */
export function peopleLine(faces: readonly FaceView[]): LineBody {
  const people = faces.flatMap(({ id: faceId, personId, personName }) =>
    personId === null ? [] : [{ personId, personName, faceId }],
  );
  const persons = new Map(people.map(({ personId, personName }) => [personId, personName]));
  const names = [...persons.values()].filter((name) => name !== null);
  return {
    type: "people",
    description: [count(persons.size, "known person"), ...names].join(", "),
    data: { people },
  };
}

/** Scene, objects and colours, which come together. */
export function sceneLines({ scene, objects, colors }: SceneViews): LineBody[] {
  const place = scene.indoor === null ? [] : [scene.indoor ? "indoor" : "outdoor"];
  const labels = scene.unsure ? ["no scene can be told for sure"] : scene.labels.map(({ label }) => label);
  return [
    { type: "scene", description: [...labels, ...place].join(", "), data: scene },
    { type: "objects", description: countByLabel(objects) || "no known objects", data: objects },
    { type: "colors", description: colors.map(({ name }) => name).join(", "), data: colors },
  ];
}

/** The text in the picture. */
export function textLine(text: TextView): LineBody {
  return { type: "text", description: text.content || "no text", data: text };
}

/** The photo can be found from now on. */
export function indexLine(): LineBody {
  return { type: "index", description: "can be found by search", data: {} };
}

/** Something that will not come. */
export function errorLine(reason: string, message: string, stage?: string): LineBody {
  return { type: "error", description: message, data: { reason, ...(stage === undefined ? {} : { stage }) } };
}

/** The last line. */
export function doneLine(status: DoneStatus, failed: readonly string[]): LineBody {
  return { type: "done", description: doneDescriptions[status], data: { status, failed } };
}

/** How a live stream ended: all stages well, all ended but some not well, or before the last result. */
export type DoneStatus = "SUCCEEDED" | "FAILED" | "INCOMPLETE";

const doneDescriptions: Readonly<Record<DoneStatus, string>> = {
  SUCCEEDED: "everything was seen",
  FAILED: "some results could not be made",
  INCOMPLETE: "some results are still to come",
};

function count(amount: number, noun: string): string {
  return amount === 0 ? `no ${noun}s` : `${amount} ${noun}${amount === 1 ? "" : "s"}`;
}

function countByLabel(objects: readonly { label: string }[]): string {
  const counts = new Map<string, number>();
  for (const { label } of objects) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].map(([label, amount]) => (amount === 1 ? label : `${amount} x ${label}`)).join(", ");
}
