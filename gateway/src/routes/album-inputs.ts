import { z } from "@hono/zod-openapi";
import { id, text } from "./inputs.ts";
import type { UnknownThing } from "./shared.ts";

/** Tag of every route about albums. */
export const tags = ["albums"];

/** Answers path parameters that are no ids. */
export const unknownAlbum: UnknownThing = { reason: "ALBUM_NOT_FOUND", message: "There is no such album." };

/** A name as clients send it; the library judges it. */
export const albumName = text(1000).openapi({ description: "1 to 200 characters.", example: "Lisbon" });

/** A description as clients send it. */
export const albumDescription = text(10_000).openapi({ description: "At most 5,000 characters." });

/** Photos to put in or take out. */
export const photoIdsBody = z
  .strictObject({ photoIds: z.array(id).min(1).max(1000) })
  .openapi("AlbumPhotoIds");
