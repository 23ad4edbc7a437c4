import { createRoute, z } from "@hono/zod-openapi";
import type { libraryV1 } from "@ocelli/contracts";
import { callOptions, type GatewayContext } from "../context.ts";
import { toPhotoView } from "../views/photo.ts";
import { required } from "../views/required.ts";
import { photoSchema } from "../views/schemas.ts";
import { door, empty, jsonBody, problems } from "./account-route.ts";
import { id, moment, text } from "./inputs.ts";
import { flag } from "./photo-query.ts";
import { createRouter, json, photoIdParam, photoNotFound, type RouteDeps } from "./shared.ts";

// Lengths only bound the input: the library judges them.
const patchBody = z
  .strictObject({
    title: text(400).openapi({ description: "At most 200 characters; empty for none." }),
    description: text(10_000).openapi({ description: "At most 5,000 characters; empty for none." }),
    favorite: z.boolean(),
    hidden: z.boolean().openapi({ description: "Kept out of lists and searches." }),
    takenAt: moment.nullable().openapi({ description: "Capture time; `null` for what the file says." }),
    takenAtOffsetMinutes: z
      .int()
      .min(-1080)
      .max(1080)
      .openapi({ description: "Minutes east of UTC; goes with `takenAt`." }),
  })
  .partial()
  .refine((body) => Object.keys(body).length > 0, "must change something")
  .refine(
    ({ takenAt, takenAtOffsetMinutes }) => takenAtOffsetMinutes === undefined || Boolean(takenAt),
    "takenAtOffsetMinutes goes with takenAt",
  )
  .openapi("ChangePhoto");

const changes = {
  trash: "PHOTO_CHANGE_TRASH",
  restore: "PHOTO_CHANGE_RESTORE",
  delete: "PHOTO_CHANGE_DELETE",
  favorite: "PHOTO_CHANGE_FAVORITE",
  unfavorite: "PHOTO_CHANGE_UNFAVORITE",
  hide: "PHOTO_CHANGE_HIDE",
  unhide: "PHOTO_CHANGE_UNHIDE",
} as const;

const bulkBody = z
  .strictObject({
    photoIds: z.array(id).min(1).max(1000),
    change: z.enum(["trash", "restore", "delete", "favorite", "unfavorite", "hide", "unhide"]).openapi({
      description: "`delete` is for good; `trash` can be undone with `restore`.",
    }),
  })
  .openapi("ChangePhotos");

const bulkAnswer = z
  .object({
    photoIds: z
      .array(z.uuid())
      .openapi({ description: "The photos that are so now; others are no photos of yours." }),
  })
  .openapi("ChangedPhotos");

const tags = ["photos"];

/** Changing, trashing and deleting photos. */
export function photoChangeRoutes(deps: RouteDeps) {
  const { clients, config } = deps;
  const { photos } = clients;
  const router = createRouter();

  /** Deleting for good takes its time with many. */
  const change = (c: GatewayContext, photoIds: string[], what: libraryV1.PhotoChange) =>
    photos.changePhotos({ photoIds, change: what }, callOptions(c, config.uploadTimeoutMs));
  const changeOne = async (c: GatewayContext, photoId: string, what: libraryV1.PhotoChange) => {
    if ((await change(c, [photoId], what)).photoIds.length === 0) throw photoNotFound();
  };

  // Before the photos by id, for which `trash` would be no id.
  router.openapi(emptyTrashRoute(deps), async (c) => {
    const { deleted } = await photos.emptyTrash({}, callOptions(c, config.uploadTimeoutMs));
    return c.json({ deleted }, 200);
  });
  router.openapi(bulkRoute(deps), async (c) => {
    const body = c.req.valid("json");
    const { photoIds } = await change(c, body.photoIds, changes[body.change]);
    return c.json({ photoIds }, 200);
  });
  router.openapi(patchRoute(deps), async (c) => {
    const request = toUpdateRequest(c.req.valid("param").id, c.req.valid("json"));
    const { photo } = await photos.updatePhoto(request, callOptions(c));
    return c.json(toPhotoView(required(photo, "photo")), 200);
  });
  router.openapi(deleteRoute(deps), async (c) => {
    const what = c.req.valid("query").permanent ? changes.delete : changes.trash;
    await changeOne(c, c.req.valid("param").id, what);
    return c.body(null, 204);
  });
  router.openapi(restoreRoute(deps), async (c) => {
    const photoId = c.req.valid("param").id;
    await changeOne(c, photoId, changes.restore);
    const { photo } = await clients.library.getPhoto({ photoId }, callOptions(c));
    return c.json(toPhotoView(required(photo, "photo")), 200);
  });
  return router;
}

function toUpdateRequest(photoId: string, body: z.output<typeof patchBody>): libraryV1.UpdatePhotoRequest {
  const {
    title = "",
    description = "",
    favorite = false,
    hidden = false,
    takenAt,
    takenAtOffsetMinutes,
  } = body;
  const { takenAtOffsetMinutes: _, takenAt: __, ...others } = body;
  return {
    photoId,
    ...{ title, description, favorite, hidden },
    takenAt: takenAt ?? undefined,
    ...(takenAtOffsetMinutes === undefined ? {} : { takenAtOffsetMinutes }),
    updateMask: [...Object.keys(others), ...(takenAt === undefined ? [] : ["taken_at"])],
  };
}

function emptyTrashRoute(deps: RouteDeps) {
  const answer = z
    .object({ deleted: z.int().openapi({ description: "Photos deleted." }) })
    .openapi("EmptiedTrash");
  return createRoute({
    method: "delete",
    path: "/photos/trash",
    tags,
    summary: "Empty the trash",
    description: "Deletes everything in it for good.",
    ...door(deps, "photos:write"),
    responses: { 200: json("How much there was.", answer), ...problems({ 403: "`SCOPE_REQUIRED`" }) },
  });
}

function bulkRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/photos/bulk",
    tags,
    summary: "Do one thing to many photos",
    description: "At most 1,000. Ids that are no photos of the caller are passed over.",
    ...door(deps, "photos:write", "json"),
    request: { body: jsonBody(bulkBody) },
    responses: { 200: json("What was done.", bulkAnswer), ...problems({ 403: "`SCOPE_REQUIRED`" }) },
  });
}

function patchRoute(deps: RouteDeps) {
  return createRoute({
    method: "patch",
    path: "/photos/{id}",
    tags,
    summary: "Change what is said of a photo",
    ...door(deps, "photos:write", "json"),
    request: { params: photoIdParam, body: jsonBody(patchBody) },
    responses: {
      200: json("The photo as it is now.", photoSchema),
      ...problems({ 400: "`INVALID_PHOTO_CHANGE`, with the fields at fault", 404: "`PHOTO_NOT_FOUND`" }),
    },
  });
}

function deleteRoute(deps: RouteDeps) {
  const permanent = flag
    .default(false)
    .openapi({ description: "Delete for good: files, results and index entries go too." });
  return createRoute({
    method: "delete",
    path: "/photos/{id}",
    tags,
    summary: "Put a photo into the trash, or delete it for good",
    description: "What is in the trash is deleted for good after a while.",
    ...door(deps, "photos:write"),
    request: { params: photoIdParam, query: z.strictObject({ permanent }) },
    responses: { 204: empty("Done."), ...problems({ 404: "`PHOTO_NOT_FOUND`" }) },
  });
}

function restoreRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/photos/{id}/restore",
    tags,
    summary: "Take a photo out of the trash",
    ...door(deps, "photos:write"),
    request: { params: photoIdParam },
    responses: { 200: json("The photo.", photoSchema), ...problems({ 404: "`PHOTO_NOT_FOUND`" }) },
  });
}
