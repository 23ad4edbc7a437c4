import { createRoute } from "@hono/zod-openapi";
import { callOptions } from "../context.ts";
import { toPhotoView } from "../views/photo.ts";
import { photoSchema } from "../views/schemas.ts";
import { changedPhotosSchema } from "../views/schemas-albums.ts";
import { door, idParam, jsonBody, problems } from "./account-route.ts";
import { photoIdsBody, tags, unknownAlbum } from "./album-inputs.ts";
import { photoListQuery, toListRequest } from "./photo-query.ts";
import { createRouter, json, listOf, type RouteDeps } from "./shared.ts";

/** What lies in albums. */
export function albumPhotoRoutes(deps: RouteDeps) {
  const { albums, library } = deps.clients;
  const router = createRouter(unknownAlbum);

  router.openapi(listRoute(deps), async (c) => {
    const query = { ...c.req.valid("query"), albumId: c.req.valid("param").id };
    const page = await library.listPhotos(toListRequest(query), callOptions(c));
    return c.json({ items: page.photos.map(toPhotoView), nextPageToken: page.nextPageToken }, 200);
  });
  router.openapi(changeRoute(deps, "post"), async (c) => {
    const request = { albumId: c.req.valid("param").id, photoIds: c.req.valid("json").photoIds };
    return c.json({ photoIds: (await albums.addAlbumPhotos(request, callOptions(c))).photoIds }, 200);
  });
  router.openapi(changeRoute(deps, "delete"), async (c) => {
    const request = { albumId: c.req.valid("param").id, photoIds: c.req.valid("json").photoIds };
    return c.json({ photoIds: (await albums.removeAlbumPhotos(request, callOptions(c))).photoIds }, 200);
  });
  return router;
}

function listRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/albums/{id}/photos",
    tags,
    summary: "List the photos of an album",
    description: "Those of everybody in it, with the filters and orders of `GET /photos`.",
    ...door(deps, "photos:read"),
    request: { params: idParam("Album id."), query: photoListQuery.omit({ albumId: true }) },
    responses: {
      200: json("One page.", listOf(photoSchema)),
      ...problems({ 400: "`INVALID_FILTER`, `INVALID_PAGE_TOKEN`", 404: "`ALBUM_NOT_FOUND`" }),
    },
  });
}

const texts = {
  post: {
    summary: "Put photos into an album",
    description: "Photos of the caller's own; ids of others are passed over. For its owner and contributors.",
    answer: "Those of them that are in it now.",
  },
  delete: {
    summary: "Take photos out of an album",
    description: "The photos stay. Its owner takes out any, others their own.",
    answer: "Those taken out.",
  },
} as const;

function changeRoute<Method extends "post" | "delete">(deps: RouteDeps, method: Method) {
  const { summary, description, answer } = texts[method];
  return createRoute({
    method,
    path: "/albums/{id}/photos",
    tags,
    summary,
    description,
    ...door(deps, "photos:write", "json"),
    request: { params: idParam("Album id."), body: jsonBody(photoIdsBody) },
    responses: {
      200: json(answer, changedPhotosSchema),
      ...problems({ 403: "`ALBUM_ROLE_REQUIRED`", 404: "`ALBUM_NOT_FOUND`" }),
    },
  });
}
