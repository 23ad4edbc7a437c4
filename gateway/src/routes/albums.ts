import { createRoute, z } from "@hono/zod-openapi";
import { libraryV1 } from "@ocelli/contracts";
import { callOptions } from "../context.ts";
import { toAlbumView } from "../views/albums.ts";
import { albumSchema, albumWithAncestorsSchema, deletedAlbumSchema } from "../views/schemas-albums.ts";
import { door, idParam, jsonBody, problems } from "./account-route.ts";
import { albumDescription, albumName, tags, unknownAlbum } from "./album-inputs.ts";
import { id } from "./inputs.ts";
import { flag } from "./photo-query.ts";
import { createRouter, json, listOf, pageQuery, type RouteDeps } from "./shared.ts";

const createBody = z
  .strictObject({
    name: albumName,
    description: albumDescription.optional(),
    parentId: id.nullish().openapi({ description: "Album above; absent for the top." }),
    requestId: id.optional().openapi({ description: "Chosen by the client: the same id makes one album." }),
  })
  .openapi("CreateAlbum");

const updateBody = z
  .strictObject({
    name: albumName.optional(),
    description: albumDescription.optional(),
    parentId: id.nullish().openapi({ description: "Moves it; `null` to the top." }),
    coverPhotoId: id.nullish().openapi({ description: "A photo of it; `null` for the photo added last." }),
  })
  .openapi("UpdateAlbum");

const listQuery = z.strictObject({
  parentId: id.optional().openapi({ description: "Album above; absent for the top." }),
  shared: flag.default(false).openapi({ description: "Albums of others shared with the caller instead." }),
  ...pageQuery,
});

const { AlbumPhotosFate } = libraryV1;
const fates = {
  keep: AlbumPhotosFate.ALBUM_PHOTOS_FATE_KEEP,
  archive: AlbumPhotosFate.ALBUM_PHOTOS_FATE_ARCHIVE,
  trash: AlbumPhotosFate.ALBUM_PHOTOS_FATE_TRASH,
} as const;

const deleteQuery = z.strictObject({
  photos: z.enum(["keep", "archive", "trash"]).default("keep").openapi({
    description:
      "Keeps the caller's photos that lie in no other album, hides them, or puts them into the trash.",
  }),
});

/** Picture sets. */
export function albumRoutes(deps: RouteDeps) {
  const { albums } = deps.clients;
  const router = createRouter(unknownAlbum);

  router.openapi(listRoute(deps), async (c) => {
    const { parentId = "", ...query } = c.req.valid("query");
    const page = await albums.listAlbums({ ...query, parentId }, callOptions(c));
    return c.json({ items: page.albums.map(toAlbumView), nextPageToken: page.nextPageToken }, 200);
  });
  router.openapi(createAlbumRoute(deps), async (c) => {
    const { name, description = "", parentId, requestId = "" } = c.req.valid("json");
    const request = { name, description, parentId: parentId ?? "", requestId };
    const album = toAlbumView((await albums.createAlbum(request, callOptions(c))).album);
    return c.json(album, 201, { location: `/api/v1/albums/${album.id}` });
  });
  router.openapi(getRoute(deps), async (c) => {
    const answer = await albums.getAlbum({ albumId: c.req.valid("param").id }, callOptions(c));
    return c.json({ ...toAlbumView(answer.album), ancestors: answer.ancestors.map(toAlbumView) }, 200);
  });
  router.openapi(updateRoute(deps), async (c) => {
    const { name, description, parentId, coverPhotoId } = c.req.valid("json");
    const fields = { name, description, parent_id: parentId, cover_photo_id: coverPhotoId };
    const updateMask = Object.entries(fields).flatMap(([path, value]) => (value === undefined ? [] : [path]));
    const albumId = c.req.valid("param").id;
    // Without a mask, the library would take the fields that say something; without either, it is a look.
    const { album } =
      updateMask.length === 0
        ? await albums.getAlbum({ albumId }, callOptions(c))
        : await albums.updateAlbum(
            {
              albumId,
              name: name ?? "",
              description: description ?? "",
              parentId: parentId ?? "",
              coverPhotoId: coverPhotoId ?? "",
              updateMask,
            },
            callOptions(c),
          );
    return c.json(toAlbumView(album), 200);
  });
  router.openapi(deleteRoute(deps), async (c) => {
    const photos = fates[c.req.valid("query").photos];
    const { albums: deleted, photos: changed } = await albums.deleteAlbum(
      { albumId: c.req.valid("param").id, photos },
      // A thousand photos to a transaction: it takes as long as an upload may.
      callOptions(c, deps.config.uploadTimeoutMs),
    );
    return c.json({ albums: deleted, photos: changed }, 200);
  });
  return router;
}

function listRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/albums",
    tags,
    summary: "List albums, by name",
    ...door(deps, "photos:read"),
    request: { query: listQuery },
    responses: {
      200: json("One page.", listOf(albumSchema)),
      ...problems({ 400: "`INVALID_ALBUM`, `INVALID_PAGE_TOKEN`", 404: "`ALBUM_NOT_FOUND`" }),
    },
  });
}

function createAlbumRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/albums",
    tags,
    summary: "Make an album",
    ...door(deps, "photos:write", "json"),
    request: { body: jsonBody(createBody) },
    responses: {
      201: json("The album; `Location` names it.", albumSchema),
      ...problems({
        400: "`INVALID_ALBUM`",
        403: "`ALBUM_ROLE_REQUIRED`: the album above is somebody else's.",
        404: "`ALBUM_NOT_FOUND`",
        409: "`TOO_DEEP`, `TOO_MANY_ALBUMS`",
      }),
    },
  });
}

function getRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/albums/{id}",
    tags,
    summary: "An album with counts and cover",
    ...door(deps, "photos:read"),
    request: { params: idParam("Album id.") },
    responses: {
      200: json("The album and those above it.", albumWithAncestorsSchema),
      ...problems({ 404: "`ALBUM_NOT_FOUND`" }),
    },
  });
}

function updateRoute(deps: RouteDeps) {
  return createRoute({
    method: "patch",
    path: "/albums/{id}",
    tags,
    summary: "Rename, describe or move an album, or choose its cover",
    description: "Only fields that are there change. For its owner.",
    ...door(deps, "photos:write", "json"),
    request: { params: idParam("Album id."), body: jsonBody(updateBody) },
    responses: {
      200: json("The album as it is now.", albumSchema),
      ...problems({
        400: "`INVALID_ALBUM`",
        403: "`ALBUM_ROLE_REQUIRED`",
        404: "`ALBUM_NOT_FOUND`",
        409: "`ALBUM_CYCLE`, `TOO_DEEP`",
      }),
    },
  });
}

function deleteRoute(deps: RouteDeps) {
  return createRoute({
    method: "delete",
    path: "/albums/{id}",
    tags,
    summary: "Delete an album and those below it",
    description: "For its owner. Photos that also lie in another album stay as they are.",
    ...door(deps, "photos:write"),
    request: { params: idParam("Album id."), query: deleteQuery },
    responses: {
      200: json("How many.", deletedAlbumSchema),
      ...problems({ 403: "`ALBUM_ROLE_REQUIRED`", 404: "`ALBUM_NOT_FOUND`" }),
    },
  });
}
