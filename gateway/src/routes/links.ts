import { createRoute, z } from "@hono/zod-openapi";
import { callOptions } from "../context.ts";
import { toLinkView } from "../views/albums.ts";
import { albumLinkSchema, createdAlbumLinkSchema } from "../views/schemas-albums.ts";
import { door, empty, idParam, jsonBody, noStore, problems } from "./account-route.ts";
import { tags, unknownAlbum } from "./album-inputs.ts";
import { id, moment, password } from "./inputs.ts";
import { createRouter, json, listOf, type RouteDeps } from "./shared.ts";

const createBody = z
  .strictObject({
    password: password.nullish().openapi({ description: "4 to 128 characters; absent for none." }),
    originals: z.boolean().default(false).openapi({ description: "Whether visitors may load originals." }),
    expiresAt: moment.nullish().openapi({ description: "In the future; absent for never." }),
  })
  .openapi("CreateAlbumLink");

const linkParam = idParam("Album id.").extend({
  linkId: id.openapi({ param: { name: "linkId", in: "path" }, description: "Link id." }),
});

/** Public links, as owners manage them. */
export function linkRoutes(deps: RouteDeps) {
  const { albums } = deps.clients;
  const router = createRouter(unknownAlbum);

  router.openapi(createLinkRoute(deps), async (c) => {
    const { password: secretWord, originals, expiresAt } = c.req.valid("json");
    const request = { albumId: c.req.valid("param").id, password: secretWord ?? "", originals };
    const answer = await albums.createAlbumLink(
      { ...request, expiresAt: expiresAt ?? undefined },
      callOptions(c),
    );
    const { secret } = answer;
    const url = new URL(`/shared#${secret}`, deps.config.publicUrl).href;
    return c.json({ ...toLinkView(answer.link), secret, url }, 201, noStore);
  });
  router.openapi(listRoute(deps), async (c) => {
    const { links } = await albums.listAlbumLinks({ albumId: c.req.valid("param").id }, callOptions(c));
    return c.json({ items: links.map(toLinkView), nextPageToken: "" }, 200);
  });
  router.openapi(deleteRoute(deps), async (c) => {
    const { id: albumId, linkId } = c.req.valid("param");
    await albums.deleteAlbumLink({ albumId, linkId }, callOptions(c));
    return c.body(null, 204);
  });
  return router;
}

function createLinkRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/albums/{id}/links",
    tags,
    summary: "Make a public link to an album",
    description:
      "For its owner. Everybody who has the secret, and the password if there is one, sees the photos of the album " +
      "without their metadata; albums below it stay closed.",
    ...door(deps, "photos:write", "json"),
    request: { params: idParam("Album id."), body: jsonBody(createBody) },
    responses: {
      201: json("The link with its secret, shown this once.", createdAlbumLinkSchema),
      ...problems({
        400: "`INVALID_LINK`",
        403: "`ALBUM_ROLE_REQUIRED`",
        404: "`ALBUM_NOT_FOUND`",
        409: "`TOO_MANY_LINKS`",
      }),
    },
  });
}

function listRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/albums/{id}/links",
    tags,
    summary: "List public links of an album",
    description: "For its owner. An album has at most 50, so there is one page.",
    ...door(deps, "photos:read"),
    request: { params: idParam("Album id.") },
    responses: {
      200: json("All of them.", listOf(albumLinkSchema)),
      ...problems({ 403: "`ALBUM_ROLE_REQUIRED`", 404: "`ALBUM_NOT_FOUND`" }),
    },
  });
}

function deleteRoute(deps: RouteDeps) {
  return createRoute({
    method: "delete",
    path: "/albums/{id}/links/{linkId}",
    tags,
    summary: "Revoke a public link",
    description: "It and every visit of it end at once.",
    ...door(deps, "photos:write"),
    request: { params: linkParam },
    responses: {
      204: empty("The link is revoked."),
      ...problems({ 403: "`ALBUM_ROLE_REQUIRED`", 404: "`ALBUM_NOT_FOUND`, `LINK_NOT_FOUND`" }),
    },
  });
}
