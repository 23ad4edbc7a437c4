import { z } from "@hono/zod-openapi";
import { type libraryV1, stages } from "@ocelli/contracts";
import { id, moment, text } from "./inputs.ts";
import { pageQuery } from "./shared.ts";

const orders = {
  "-added": "PHOTO_ORDER_ADDED_DESC",
  added: "PHOTO_ORDER_ADDED_ASC",
  "-taken": "PHOTO_ORDER_TAKEN_DESC",
  taken: "PHOTO_ORDER_TAKEN_ASC",
} as const;

/** `true` or `false` in a query. */
export const flag = z
  .enum(["true", "false"])
  .transform((value) => value === "true")
  .openapi({ type: "boolean" });

const stageNames = stages.map(({ name }) => name);

/** Query of the list of photos. */
export const photoListQuery = z.strictObject({
  albumId: id.optional().openapi({ description: "In this album, of the caller or shared with the caller." }),
  takenFrom: moment.optional().openapi({ description: "Taken (added, where unknown) at or after." }),
  takenUntil: moment.optional().openapi({ description: "Taken (added, where unknown) before." }),
  camera: text(100).optional().openapi({ description: "Part of the camera's name.", example: "Nikon" }),
  place: text(100).optional().openapi({ description: "Part of city, region or country.", example: "Lisbon" }),
  favorite: flag.optional().openapi({ description: "Only favourites, or only others." }),
  mediaType: z
    .string()
    .regex(/^image\/[a-z0-9.+-]{1,60}$/, "must be a media type such as image/png")
    .optional()
    .openapi({ description: "Media type.", example: "image/png" }),
  hasFaces: flag.optional().openapi({ description: "Only photos with faces, or only without." }),
  failedStage: z
    .string()
    .refine((name) => name === "any" || stageNames.includes(name), `must be any or one of ${stageNames}`)
    .optional()
    .openapi({
      enum: ["any", ...stageNames],
      description: "Only photos on which this stage failed; `any` for any stage.",
    }),
  hidden: flag.optional().openapi({ description: "Only hidden photos; otherwise only others." }),
  trashed: flag
    .default(false)
    .openapi({ description: "Only what is in the trash; otherwise only what is not." }),
  order: z
    .enum(["-added", "added", "-taken", "taken"])
    .default("-added")
    .openapi({ description: "By when they were added or taken; `-` for latest first." }),
  ...pageQuery,
});

/** The request that a query stands for. */
export function toListRequest(query: z.output<typeof photoListQuery>): libraryV1.ListPhotosRequest {
  const { pageSize, pageToken, order, albumId = "", camera = "", place = "", ...rest } = query;
  const {
    mediaType = "",
    failedStage = "",
    trashed,
    takenFrom,
    takenUntil,
    favorite,
    hasFaces,
    hidden,
  } = rest;
  return {
    pageSize,
    pageToken,
    order: orders[order],
    filter: {
      ...{ albumId, camera, place, mediaType, failedStage, trashed, takenFrom, takenUntil },
      ...(favorite === undefined ? {} : { favorite }),
      ...(hasFaces === undefined ? {} : { hasFaces }),
      ...(hidden === undefined ? {} : { hidden }),
    },
  };
}
