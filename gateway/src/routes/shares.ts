import { createRoute, z } from "@hono/zod-openapi";
import { invalidArgument } from "@ocelli/chassis";
import { callOptions, type GatewayContext } from "../context.ts";
import { toShareView } from "../views/albums.ts";
import { albumShareSchema } from "../views/schemas-albums.ts";
import { door, empty, idParam, jsonBody, problems } from "./account-route.ts";
import { tags, unknownAlbum } from "./album-inputs.ts";
import { email, id } from "./inputs.ts";
import { createRouter, json, listOf, type RouteDeps } from "./shared.ts";

const shareBody = z
  .strictObject({
    email: email.optional().openapi({ description: "Address of the other user's account." }),
    userId: id.optional().openapi({ description: "The other user's id; one of the two." }),
    role: z.enum(["viewer", "contributor"]),
  })
  .openapi("ShareAlbum");

const shareParam = idParam("Album id.").extend({
  userId: id.openapi({ param: { name: "userId", in: "path" }, description: "The other user's id." }),
});

/** Sharing albums with other users. */
export function shareRoutes(deps: RouteDeps) {
  const { albums } = deps.clients;
  const router = createRouter(unknownAlbum);

  router.openapi(listRoute(deps), async (c) => {
    const { shares } = await albums.listAlbumShares({ albumId: c.req.valid("param").id }, callOptions(c));
    const items = await Promise.all(
      shares.map(async (share) => toShareView(share, await nameOf(deps, c, share.userId))),
    );
    return c.json({ items, nextPageToken: "" }, 200);
  });
  router.openapi(putRoute(deps), async (c) => {
    const albumId = c.req.valid("param").id;
    const { role, ...who } = c.req.valid("json");
    // First, so that nobody looks users up through albums that are not theirs.
    await albums.listAlbumShares({ albumId }, callOptions(c));
    const { userId, name } = await deps.clients.users.findUser({ key: keyOf(who) }, callOptions(c));
    const { share } = await albums.shareAlbum({ albumId, userId, role }, callOptions(c));
    return c.json(toShareView(share, name), 200);
  });
  router.openapi(deleteRoute(deps), async (c) => {
    const { id: albumId, userId } = c.req.valid("param");
    await albums.unshareAlbum({ albumId, userId }, callOptions(c));
    return c.body(null, 204);
  });
  return router;
}

function keyOf({ email: address, userId }: { email?: string | undefined; userId?: string | undefined }) {
  if (address !== undefined && userId === undefined) return { $case: "email", value: address } as const;
  if (address === undefined && userId !== undefined) return { $case: "userId", value: userId } as const;
  throw invalidArgument("INVALID_SHARE", "Name the other user by email or by userId.", [
    { field: "email", description: "must be given, or userId, not both" },
  ]);
}

/** The owner knows whom the album is shared with: that a token may not look users up must not hide their names. */
async function nameOf(
  { clients, log }: RouteDeps,
  c: GatewayContext,
  userId: string,
): Promise<string | null> {
  try {
    const options = { signal: c.req.raw.signal, asService: true };
    return (await clients.users.findUser({ key: { $case: "userId", value: userId } }, options)).name;
  } catch (error) {
    log.debug({ err: error }, "a name is left out");
    return null;
  }
}

function listRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/albums/{id}/shares",
    tags,
    summary: "List users an album is shared with",
    description: "For its owner. An album has at most 200, so there is one page.",
    ...door(deps, "photos:read"),
    request: { params: idParam("Album id.") },
    responses: {
      200: json("All of them.", listOf(albumShareSchema)),
      ...problems({ 403: "`ALBUM_ROLE_REQUIRED`", 404: "`ALBUM_NOT_FOUND`" }),
    },
  });
}

function putRoute(deps: RouteDeps) {
  return createRoute({
    method: "put",
    path: "/albums/{id}/shares",
    tags,
    summary: "Share an album and those below it with a user, or change the role",
    description: "For its owner.",
    ...door(deps, "photos:write", "json"),
    request: { params: idParam("Album id."), body: jsonBody(shareBody) },
    responses: {
      200: json("The share.", albumShareSchema),
      ...problems({
        400: "`INVALID_SHARE`",
        403: "`ALBUM_ROLE_REQUIRED`",
        404: "`ALBUM_NOT_FOUND`, `USER_NOT_FOUND`",
        409: "`TOO_MANY_SHARES`",
      }),
    },
  });
}

function deleteRoute(deps: RouteDeps) {
  return createRoute({
    method: "delete",
    path: "/albums/{id}/shares/{userId}",
    tags,
    summary: "End the sharing with a user",
    description: "For its owner, and for the user. Photos that the user put in come out again.",
    ...door(deps, "photos:write"),
    request: { params: shareParam },
    responses: {
      204: empty("It is not shared with the user any more."),
      ...problems({ 403: "`ALBUM_ROLE_REQUIRED`", 404: "`ALBUM_NOT_FOUND`, `SHARE_NOT_FOUND`" }),
    },
  });
}
