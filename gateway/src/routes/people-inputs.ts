import { z } from "@hono/zod-openapi";
import { id, text } from "./inputs.ts";
import type { UnknownThing } from "./shared.ts";

/** Tag of every route about persons. */
export const peopleTags = ["people"];
/** Tag of every route about faces. */
export const faceTags = ["faces"];

/** Answers path parameters that are no ids of persons. */
export const unknownPerson: UnknownThing = {
  reason: "PERSON_NOT_FOUND",
  message: "There is no such person.",
};
/** Answers path parameters that are no ids of faces. */
export const unknownFace: UnknownThing = { reason: "FACE_NOT_FOUND", message: "There is no such face." };
/** Answers path parameters that are no ids of merges. */
export const unknownMerge: UnknownThing = { reason: "MERGE_NOT_FOUND", message: "There is no such merge." };

/** A name as clients send it; the face service judges it. */
export const personName = text(400).openapi({ description: "At most 100 characters.", example: "Ada" });

/** Faces that something is said of. */
export const faceIds = z.array(id).min(1).max(200);

/** Whose a face is; `null` for nobody's. */
export const assignedPersonId = id.nullable().openapi({ description: "Whose it is; `null`: nobody's." });
