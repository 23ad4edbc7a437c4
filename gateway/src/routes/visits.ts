import { createRoute, z } from "@hono/zod-openapi";
import { authCallOptions, callOptions, type GatewayContext } from "../context.ts";
import { requireOwnSite } from "../csrf.ts";
import { inlineDisposition, safeFilename } from "../downloads/content-disposition.ts";
import { blobProtection } from "../downloads/send-blob.ts";
import { endQuietly, streamBytes } from "../stream-bytes.ts";
import { required } from "../views/required.ts";
import { linkedAlbumSchema, visitSchema } from "../views/schemas-albums.ts";
import { readVisitCookie, setVisitCookie } from "../visit-cookie.ts";
import { door, jsonBody, noStore, problems } from "./account-route.ts";
import { id, opaqueToken, password } from "./inputs.ts";
import { createRouter, json, pageQuery, type RouteDeps } from "./shared.ts";

const openBody = z
  .strictObject({
    secret: opaqueToken.openapi({ description: "What stands behind the `#` of the link." }),
    password: password.optional().openapi({ description: "Where the link has one." }),
  })
  .openapi("OpenLink");

const photoParam = z.strictObject({
  id: id.openapi({ param: { name: "id", in: "path" }, description: "Photo id." }),
  rendition: z
    .enum(["original", "preview", "thumbnail"])
    .openapi({ param: { name: "rendition", in: "path" } }),
});

const tags = ["links"];
const visitor = "Needs the cookie of `POST /links/open`.";

/** What visitors of public links do; nobody of them has an account. */
export function visitRoutes(deps: RouteDeps) {
  const { albums } = deps.clients;
  const router = createRouter();

  router.openapi(openRoute(deps), async (c) => {
    requireOwnSite(c);
    const { secret, password: word = "" } = c.req.valid("json");
    const { visit, expiresIn } = await albums.openAlbumLink({ secret, password: word }, authCallOptions(c));
    setVisitCookie(c, visit, expiresIn);
    return c.json({ expiresIn }, 200, noStore);
  });
  router.openapi(albumRoute(), async (c) => {
    const request = { visit: readVisitCookie(c), ...c.req.valid("query") };
    const { photos, ...album } = await albums.getLinkedAlbum(request, callOptions(c));
    const items = photos.map(({ id: photoId, width, height }) => ({ id: photoId, width, height }));
    const { name, description, originals, nextPageToken } = album;
    return c.json({ name, description, originals, items, nextPageToken }, 200, noStore);
  });
  router.openapi(photoRoute(), (c) => sendPhoto(deps, c, c.req.valid("param")));
  return router;
}

async function sendPhoto(
  { clients, config }: RouteDeps,
  c: GatewayContext,
  { id: photoId, rendition }: z.output<typeof photoParam>,
): Promise<Response> {
  const stop = new AbortController();
  const options = callOptions(c, config.uploadTimeoutMs);
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const request = { visit: readVisitCookie(c), photoId, rendition };
  const messages = clients.albums
    .downloadLinkedPhoto(request, { ...options, signal })
    [Symbol.asyncIterator]();
  const first = await messages.next();
  const part = first.done ? undefined : first.value.part;
  const mediaType = required(part?.$case === "mediaType" ? part.value : undefined, "mediaType");
  const headers = {
    "content-type": mediaType,
    // A link that was revoked is soon revoked in browsers too.
    "cache-control": "private, max-age=300",
    "content-disposition": inlineDisposition(safeFilename(`${photoId}-${rendition}`, mediaType)),
    ...blobProtection,
  };
  if (c.req.method === "HEAD") {
    stop.abort();
    void endQuietly(messages);
    return new Response(null, { headers });
  }
  async function* chunks() {
    for (let next = await messages.next(); !next.done; next = await messages.next()) {
      yield required(next.value.part?.$case === "chunk" ? next.value.part.value : undefined, "chunk");
    }
  }
  return new Response(
    streamBytes(c, chunks(), () => stop.abort()),
    { headers },
  );
}

function openRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/links/open",
    tags,
    summary: "Open a public link",
    description: "Sets a cookie with which the album can be seen for 12 hours, unless the link ends before.",
    ...door(deps, "public", "json"),
    request: { body: jsonBody(openBody) },
    responses: {
      200: json("The link is open.", visitSchema),
      ...problems({
        401: "`LINK_PASSWORD_REQUIRED`, `INVALID_LINK_PASSWORD`",
        403: "`CROSS_SITE_REQUEST`",
        404: "`LINK_NOT_FOUND`",
        429: "`TOO_MANY_ATTEMPTS`, `LINKS_BUSY`",
      }),
    },
  });
}

function albumRoute() {
  return createRoute({
    method: "get",
    path: "/links/album",
    tags,
    summary: "The album of an open link",
    description: `Its photos, newest first. ${visitor}`,
    request: { query: z.strictObject(pageQuery) },
    responses: {
      200: json("One page.", linkedAlbumSchema),
      ...problems({ 401: "`VISIT_EXPIRED`" }),
    },
  });
}

function photoRoute() {
  return createRoute({
    method: "get",
    path: "/links/photos/{id}/{rendition}",
    tags,
    summary: "A photo of an open link",
    description: `Without metadata; originals are encoded anew for that (PNG and GIF as PNG, others as JPEG). ${visitor}`,
    request: { params: photoParam },
    responses: {
      200: {
        description: "The image.",
        content: { "image/*": { schema: { type: "string" as const, format: "binary" } } },
      },
      ...problems({ 401: "`VISIT_EXPIRED`", 403: "`ORIGINALS_NOT_SHARED`", 404: "`PHOTO_NOT_FOUND`" }),
    },
  });
}
