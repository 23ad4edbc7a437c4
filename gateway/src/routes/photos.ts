import { createRoute } from "@hono/zod-openapi";
import { callOptions } from "../context.ts";
import { fetchPhotoResult } from "../photo-aggregate.ts";
import { uploadMessages } from "../upload-messages.ts";
import { forwardFile } from "../uploads.ts";
import { toPhotoView } from "../views/photo.ts";
import { required } from "../views/required.ts";
import { photoResultSchema, photoSchema, uploadedPhotoSchema } from "../views/schemas.ts";
import { problems } from "./account-route.ts";
import { photoListQuery, toListRequest } from "./photo-query.ts";
import {
  bearer,
  createRouter,
  fileBody,
  json,
  listOf,
  photoIdParam,
  problemResponse,
  type RouteDeps,
} from "./shared.ts";

/** Upload, list and the full result of a photo. */
export function photoRoutes(deps: RouteDeps) {
  const { clients, config } = deps;
  const router = createRouter();

  router.openapi(uploadRoute(deps), async (c) => {
    const answer = await forwardFile(c, config, (part, options) =>
      clients.library.uploadPhoto(uploadMessages(part, false), options),
    );
    const photo = toPhotoView(required(answer.photo, "photo"));
    const { duplicate } = answer;
    return c.json({ ...photo, duplicate }, duplicate ? 200 : 201, { location: `/api/v1/photos/${photo.id}` });
  });
  router.openapi(listRoute(deps), async (c) => {
    const { photos, nextPageToken } = await clients.library.listPhotos(
      toListRequest(c.req.valid("query")),
      callOptions(c),
    );
    return c.json({ items: photos.map(toPhotoView), nextPageToken }, 200);
  });
  router.openapi(resultRoute(deps), async (c) => {
    const { id } = c.req.valid("param");
    const patient = { ...deps, patienceMs: config.partialResultTimeoutMs };
    return c.json(await fetchPhotoResult(patient, id, c.get("caller"), callOptions(c)), 200);
  });
  return router;
}

function uploadRoute({ requireScope }: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/photos",
    tags: ["photos"],
    summary: "Store a photo",
    description: "The type is found by content. Analysis starts at once; watch it at `/photos/{id}/events`.",
    security: bearer,
    middleware: [requireScope("photos:write", "upload")],
    request: { body: fileBody() },
    responses: {
      201: json("Stored; `Location` names it.", uploadedPhotoSchema),
      200: json("The owner already had these bytes.", uploadedPhotoSchema),
      ...problemResponse,
    },
  });
}

function listRoute({ requireScope }: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/photos",
    tags: ["photos"],
    summary: "List photos",
    description:
      "Newest addition first, unless `order` says otherwise. A page token belongs to its filters and order.",
    security: bearer,
    middleware: [requireScope("photos:read")],
    request: { query: photoListQuery },
    responses: {
      200: json("One page.", listOf(photoSchema)),
      ...problems({ 400: "`INVALID_FILTER`, `INVALID_PAGE_TOKEN`", 404: "`ALBUM_NOT_FOUND`" }),
    },
  });
}

function resultRoute({ requireScope }: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/photos/{id}",
    tags: ["photos"],
    summary: "A photo with everything seen in it",
    description:
      "A service that does not answer costs its own results only: it is named in `unavailable`, and its `stages` are not `available`.",
    security: bearer,
    middleware: [requireScope("photos:read")],
    request: { params: photoIdParam },
    responses: {
      200: json("The photo; results not there yet are `null`.", photoResultSchema),
      ...problemResponse,
    },
  });
}
