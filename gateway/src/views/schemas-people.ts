import { z } from "@hono/zod-openapi";
import { boxSchema, faceSchema } from "./schemas.ts";

/** A person. */
export const personSchema = z
  .object({
    id: z.uuid(),
    name: z.string().nullable().openapi({ description: "`null` while unnamed." }),
    hidden: z.boolean().openapi({ description: "Kept out of lists and of searches by name." }),
    favorite: z.boolean(),
    birthDate: z.iso.date().nullable(),
    coverFaceId: z
      .uuid()
      .nullable()
      .openapi({ description: "The face chosen, else the best one; `null` without faces." }),
    faceCount: z.int().openapi({ description: "Faces on photos that are not in the trash." }),
    photoCount: z.int(),
    source: z.enum(["MODEL", "USER"]).nullable().openapi({ description: "Who made the person." }),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi("Person");

/** A face with where it was seen and whose it is. */
export const personFaceSchema = faceSchema
  .extend({
    photoId: z.uuid(),
    source: z
      .enum(["MODEL", "USER"])
      .nullable()
      .openapi({ description: "Who said whose it is; `USER` without a person: a human took it away." }),
    similarity: z.number().openapi({
      description: "How sure the model was, 0..1; 1 for a human's word, 0 for nobody's face.",
    }),
    createdAt: z.iso.datetime(),
  })
  .openapi("PersonFace");

/** Several persons that became one. */
export const mergeSchema = z
  .object({
    id: z.uuid(),
    survivorId: z.uuid().openapi({ description: "Who they are now." }),
    personIds: z.array(z.uuid()).openapi({ description: "Who they were." }),
    createdAt: z.iso.datetime(),
    undoneAt: z.iso.datetime().nullable().openapi({ description: "`null` while it holds." }),
  })
  .openapi("Merge");

/** A merge just made. */
export const madeMergeSchema = mergeSchema
  .extend({ person: personSchema.openapi({ description: "The survivor as it is now." }) })
  .openapi("MadeMerge");

/** A merge just taken back. */
export const undoneMergeSchema = mergeSchema
  .extend({ people: z.array(personSchema).openapi({ description: "Everybody again, survivor first." }) })
  .openapi("UndoneMerge");

/** Two persons that may be one. */
export const suggestionSchema = z
  .object({
    person: personSchema,
    other: personSchema,
    score: z.number().openapi({ description: "How alike they are, 0..1." }),
  })
  .openapi("PersonSuggestion");

/** What became of an answer to a suggestion. */
export const answeredSuggestionSchema = z
  .object({ merge: mergeSchema.nullable().openapi({ description: "`null` for different persons." }) })
  .openapi("AnsweredSuggestion");

/** How a regrouping goes. */
export const regroupingSchema = z
  .object({
    started: z.boolean().openapi({ description: "False when none was ever asked for." }),
    running: z.boolean().openapi({ description: "True while it waits or runs." }),
    facesSeen: z.int(),
    facesAssigned: z.int(),
    peopleMade: z.int(),
    requestedAt: z.iso.datetime().nullable(),
    finishedAt: z.iso.datetime().nullable(),
  })
  .openapi("Regrouping");

/** How a user's faces are treated. */
export const peopleSettingsSchema = z
  .object({ enabled: z.boolean().openapi({ description: "Whether faces are looked for and grouped." }) })
  .openapi("PeopleSettings");

/** What was found for the faces of a picture that is not stored. */
export const faceSearchSchema = z
  .object({
    faces: z
      .array(
        z.object({
          box: boxSchema,
          score: z.number(),
          quality: z.number(),
          unknown: z.boolean().openapi({ description: "True when no person is like enough." }),
          matches: z
            .array(
              z.object({
                personId: z.uuid(),
                personName: z.string().nullable(),
                similarity: z.number().openapi({ description: "The chance that it is this person, 0..1." }),
              }),
            )
            .openapi({ description: "Nearest persons, likeliest first; at most 5." }),
        }),
      )
      .openapi({ description: "Largest first." }),
    model: z.string(),
    ms: z.number().openapi({ description: "Milliseconds spent by the model." }),
  })
  .openapi("FaceSearch");

/** A person as clients see it. */
export type PersonView = z.infer<typeof personSchema>;
/** A face as its owner sees it. */
export type PersonFaceView = z.infer<typeof personFaceSchema>;
/** A merge as clients see it. */
export type MergeView = z.infer<typeof mergeSchema>;
/** A suggestion as clients see it. */
export type SuggestionView = z.infer<typeof suggestionSchema>;
/** A regrouping as clients see it. */
export type RegroupingView = z.infer<typeof regroupingSchema>;
/** What a search by face found, as clients see it. */
export type FaceSearchView = z.infer<typeof faceSearchSchema>;
