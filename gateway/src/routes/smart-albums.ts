import { createRoute, z } from "@hono/zod-openapi";
import type { searchV1 } from "@ocelli/contracts";
import { callOptions } from "../context.ts";
import { requestIdOf } from "../idempotency-key.ts";
import { required } from "../views/required.ts";
import { hitSchema, toHitView } from "../views/search.ts";
import { door, empty, idParam, jsonBody, problems } from "./account-route.ts";
import { id, text } from "./inputs.ts";
import { filterOfBody, searchFilterBody, searchFilterView, toFilterView } from "./search-query.ts";
import { createRouter, json, listOf, pageQuery, type RouteDeps } from "./shared.ts";

const tags = ["smart-albums"];
const unknown = { reason: "SMART_ALBUM_NOT_FOUND", message: "There is no such smart album." };

const name = text(1000).openapi({ description: "1 to 100 characters.", example: "Dogs at the sea" });
const query = text(500).openapi({ description: "As in a search.", example: "dog place:lisbon" });

const createBody = z
  .strictObject({
    name,
    query: query.default(""),
    filter: searchFilterBody.optional(),
    requestId: id.optional().openapi({ description: "Chosen by the client: the same id keeps one search." }),
  })
  .openapi("CreateSmartAlbum");

const updateBody = z
  .strictObject({ name: name.optional(), query: query.optional(), filter: searchFilterBody.nullish() })
  .refine((body) => Object.keys(body).length > 0, "must change something")
  .openapi("UpdateSmartAlbum");

const smartAlbumSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    query: z.string(),
    filter: searchFilterView,
    count: z.int().openapi({ description: "Photos it finds now, counted up to 500." }),
    coverPhotoId: z.string().nullable(),
    createdAt: z.string(),
    updatedAt: z.string(),
  })
  .openapi("SmartAlbum");

/** Searches kept under a name. */
export function smartAlbumRoutes(deps: RouteDeps) {
  const { smartAlbums } = deps.clients;
  const router = createRouter(unknown);
  router.openapi(listRoute(deps), async (c) => {
    const answer = await smartAlbums.listSmartAlbums(c.req.valid("query"), callOptions(c));
    return c.json({ items: answer.smartAlbums.map(toView), nextPageToken: answer.nextPageToken }, 200);
  });
  router.openapi(createSmartAlbumRoute(deps), async (c) => {
    const { filter, requestId = requestIdOf(c) ?? "", ...rest } = c.req.valid("json");
    const request = { ...rest, requestId, filter: filter && filterOfBody(filter) };
    const view = toView((await smartAlbums.createSmartAlbum(request, callOptions(c))).smartAlbum);
    return c.json(view, 201, { location: `/api/v1/smart-albums/${view.id}` });
  });
  router.openapi(getRoute(deps), async (c) => {
    const request = { smartAlbumId: c.req.valid("param").id };
    return c.json(toView((await smartAlbums.getSmartAlbum(request, callOptions(c))).smartAlbum), 200);
  });
  router.openapi(updateRoute(deps), async (c) => {
    const { id: albumId } = c.req.valid("param");
    const changes = c.req.valid("json");
    const { name: newName = "", query: newQuery = "", filter } = changes;
    const smartAlbum = {
      ...{ id: albumId, name: newName, query: newQuery, filter: filter ? filterOfBody(filter) : undefined },
      ...{ count: 0, coverPhotoId: "", createdAt: undefined, updatedAt: undefined },
    };
    const request = { smartAlbum, updateMask: Object.keys(changes) };
    return c.json(toView((await smartAlbums.updateSmartAlbum(request, callOptions(c))).smartAlbum), 200);
  });
  router.openapi(deleteRoute(deps), async (c) => {
    await smartAlbums.deleteSmartAlbum({ smartAlbumId: c.req.valid("param").id }, callOptions(c));
    return c.body(null, 204);
  });
  router.openapi(photosRoute(deps), async (c) => {
    const request = { smartAlbumId: c.req.valid("param").id, ...c.req.valid("query") };
    const { hits, nextPageToken } = await smartAlbums.listSmartAlbumPhotos(request, callOptions(c));
    return c.json({ items: hits.map(toHitView), nextPageToken }, 200);
  });
  return router;
}

function toView(album: searchV1.SmartAlbum | undefined): z.infer<typeof smartAlbumSchema> {
  const { id: albumId, name: shown, query: kept, filter, count, ...rest } = required(album, "smart album");
  return {
    ...{ id: albumId, name: shown, query: kept, filter: toFilterView(filter), count },
    coverPhotoId: rest.coverPhotoId || null,
    createdAt: required(rest.createdAt, "created_at").toISOString(),
    updatedAt: required(rest.updatedAt, "updated_at").toISOString(),
  };
}

const params = idParam("Smart album id.");
const notFound = "`SMART_ALBUM_NOT_FOUND`";
const invalid = "`INVALID_NAME`, `INVALID_QUERY`, `INVALID_FILTER`";

function listRoute(deps: RouteDeps) {
  return createRoute({
    ...{ method: "get", path: "/smart-albums", tags, summary: "List smart albums, by name" },
    ...door(deps, "search"),
    request: { query: z.strictObject(pageQuery) },
    responses: {
      200: json("One page.", listOf(smartAlbumSchema)),
      ...problems({ 400: "`INVALID_PAGE_TOKEN`" }),
    },
  });
}

function createSmartAlbumRoute(deps: RouteDeps) {
  return createRoute({
    ...{ method: "post", path: "/smart-albums", tags, summary: "Keep a search under a name" },
    ...door(deps, "photos:write", "json"),
    request: { body: jsonBody(createBody) },
    responses: {
      201: json("The kept search.", smartAlbumSchema),
      ...problems({ 400: invalid, 429: "`TOO_MANY_SMART_ALBUMS`" }),
    },
  });
}

function getRoute(deps: RouteDeps) {
  return createRoute({
    ...{ method: "get", path: "/smart-albums/{id}", tags, summary: "One smart album" },
    ...door(deps, "search"),
    request: { params },
    responses: { 200: json("The kept search.", smartAlbumSchema), ...problems({ 404: notFound }) },
  });
}

function updateRoute(deps: RouteDeps) {
  return createRoute({
    ...{ method: "patch", path: "/smart-albums/{id}", tags, summary: "Change a smart album" },
    ...door(deps, "photos:write", "json"),
    request: { params, body: jsonBody(updateBody) },
    responses: {
      200: json("As it is now.", smartAlbumSchema),
      ...problems({ 400: invalid, 404: notFound }),
    },
  });
}

function deleteRoute(deps: RouteDeps) {
  return createRoute({
    ...{ method: "delete", path: "/smart-albums/{id}", tags, summary: "Forget a smart album" },
    description: "Photos stay.",
    ...door(deps, "photos:write"),
    request: { params },
    responses: { 204: empty("Forgotten."), ...problems({ 404: notFound }) },
  });
}

function photosRoute(deps: RouteDeps) {
  return createRoute({
    ...{ method: "get", path: "/smart-albums/{id}/photos", tags, summary: "Photos it finds now" },
    ...door(deps, "search"),
    request: { params, query: z.strictObject(pageQuery) },
    responses: { 200: json("As of a search.", listOf(hitSchema)), ...problems({ 404: notFound }) },
  });
}
