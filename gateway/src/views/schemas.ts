import { z } from "@hono/zod-openapi";

/** A rectangle in fractions 0..1 of the upright image. */
export const boxSchema = z
  .object({ x: z.number(), y: z.number(), width: z.number(), height: z.number() })
  .openapi("Box", { description: "Fractions 0..1 of the upright image." });

/** A name with how sure the model is. */
export const labelSchema = z.object({ label: z.string(), score: z.number() }).openapi("ScoredLabel");

/** The sentence about a photo. */
export const captionSchema = z
  .object({
    text: z.string(),
    source: z.enum(["NEURAL", "PLAIN", "USER", "UNKNOWN"]),
    model: z.string(),
    score: z.number().openapi({ description: "Agreement of the sentence with the picture." }),
  })
  .openapi("Caption");

/** One face. */
export const faceSchema = z
  .object({
    id: z.string(),
    box: boxSchema,
    score: z.number(),
    quality: z.number(),
    personId: z.string().nullable(),
    personName: z.string().nullable(),
  })
  .openapi("Face");

/** Scene labels and tags. */
export const sceneSchema = z
  .object({
    labels: z.array(labelSchema),
    indoor: z.boolean().nullable().openapi({ description: "`null` when it cannot be told." }),
    unsure: z.boolean().openapi({ description: "True when no scene label can be trusted." }),
    tags: z.array(labelSchema),
  })
  .openapi("Scene");

/** One detected thing. */
export const objectSchema = z
  .object({ label: z.string(), score: z.number(), box: boxSchema })
  .openapi("DetectedObject");

/** One dominant colour. */
export const colorSchema = z
  .object({ name: z.string(), hex: z.string(), share: z.number() })
  .openapi("Color");

/** Text read in the picture. */
export const textSchema = z
  .object({
    content: z.string().openapi({ description: "All lines, joined by line breaks." }),
    lines: z.array(z.object({ text: z.string(), score: z.number(), box: boxSchema })),
  })
  .openapi("PhotoText");

/** State of one analysis stage. */
export const stageSchema = z
  .object({
    status: z.enum(["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "SKIPPED"]),
    attempts: z.int(),
    error: z.string().nullable(),
    model: z.string().nullable(),
    ms: z.number(),
  })
  .openapi("Stage");

/** State of one analysis stage, beside its result. */
export const resultStageSchema = stageSchema
  .extend({
    available: z.boolean().openapi({
      description:
        "False when the service that keeps the result could not be asked just now: the result is missing here, whatever the status.",
    }),
  })
  .openapi("ResultStage");

/** A place on Earth. */
export const locationSchema = z
  .object({
    latitude: z.number().openapi({ description: "Degrees north." }),
    longitude: z.number().openapi({ description: "Degrees east." }),
    city: z.string().nullable().openapi({ description: "Nearest town." }),
    region: z.string().nullable(),
    country: z.string().nullable(),
  })
  .openapi("Location");

/** A photo and how far its analysis has come. */
export const photoSchema = z
  .object({
    id: z.uuid(),
    ownerId: z.uuid().openapi({ description: "The caller, or who shares it with the caller." }),
    filename: z.string(),
    sha256: z.string(),
    mediaType: z.string(),
    width: z.int(),
    height: z.int(),
    sizeBytes: z.int(),
    takenAt: z.iso.datetime().nullable(),
    takenAtOffsetMinutes: z.int().nullable().openapi({
      description:
        "Minutes east of UTC; `null` when unknown, `takenAt` is then the camera's clock read as UTC.",
    }),
    location: locationSchema.nullable(),
    camera: z.string().nullable(),
    lens: z.string().nullable(),
    exif: z.record(z.string(), z.unknown()),
    title: z.string(),
    description: z.string(),
    albumIds: z.array(z.string()).openapi({ description: "Albums of the caller that hold it." }),
    favorite: z.boolean(),
    hidden: z.boolean(),
    trashedAt: z.iso.datetime().nullable().openapi({ description: "`null` outside the trash." }),
    faceCount: z.int().nullable().openapi({ description: "`null` until the photo was scanned." }),
    createdAt: z.iso.datetime(),
    stages: z.record(z.string(), stageSchema),
  })
  .openapi("Photo");

/** A photo just stored. */
export const uploadedPhotoSchema = photoSchema
  .extend({ duplicate: z.boolean().openapi({ description: "True when the owner already had these bytes." }) })
  .openapi("UploadedPhoto");

/** A photo with everything seen in it; a result that does not exist yet is `null`. */
export const photoResultSchema = photoSchema
  .extend({
    caption: captionSchema.nullable(),
    scene: sceneSchema.nullable(),
    objects: z.array(objectSchema).nullable(),
    faces: z.array(faceSchema).nullable(),
    text: textSchema.nullable(),
    colors: z.array(colorSchema).nullable(),
    stages: z.record(z.string(), resultStageSchema),
    unavailable: z.array(z.string()).openapi({
      description:
        "Services that could not be asked just now; their results are `null` here, and their `stages` not `available`.",
    }),
  })
  .openapi("PhotoResult");

/** A box as clients see it. */
export type BoxView = z.infer<typeof boxSchema>;
/** A caption as clients see it. */
export type CaptionView = z.infer<typeof captionSchema>;
/** A colour as clients see it. */
export type ColorView = z.infer<typeof colorSchema>;
/** A face as clients see it. */
export type FaceView = z.infer<typeof faceSchema>;
/** A detected thing as clients see it. */
export type ObjectView = z.infer<typeof objectSchema>;
/** A photo as clients see it. */
export type PhotoView = z.infer<typeof photoSchema>;
/** A place as clients see it. */
export type LocationView = z.infer<typeof locationSchema>;
/** A scene as clients see it. */
export type SceneView = z.infer<typeof sceneSchema>;
/** A stage as clients see it. */
export type StageView = z.infer<typeof stageSchema>;
/** The text of a photo as clients see it. */
export type TextView = z.infer<typeof textSchema>;
