import { createRoute } from "@hono/zod-openapi";
import { permissionDenied } from "@ocelli/chassis";
import { callOptions } from "../context.ts";
import { toAlbumView } from "../views/albums.ts";
import { idParam, problems } from "./account-route.ts";
import { tags, unknownAlbum } from "./album-inputs.ts";
import { storedFilesSchema, storeFiles } from "./detect-batch.ts";
import { bearer, createRouter, json, type RouteDeps } from "./shared.ts";

/** Many files into an album at once. */
export function albumImportRoutes(deps: RouteDeps) {
  const router = createRouter(unknownAlbum);
  router.openapi(importRoute(deps), async (c) => {
    const albumId = c.req.valid("param").id;
    // Before a byte of the files is read; the library asks again for each of them.
    const { role } = toAlbumView((await deps.clients.albums.getAlbum({ albumId }, callOptions(c))).album);
    if (role === "viewer") throw roleRequired();
    return c.json(await storeFiles(deps, c, albumId), 200);
  });
  return router;
}

function roleRequired() {
  return permissionDenied("ALBUM_ROLE_REQUIRED", "Your role in this album does not allow this.");
}

function importRoute({ requireScope, config }: RouteDeps) {
  const files = {
    type: "array" as const,
    items: { type: "string" as const, format: "binary" },
    description: `At most ${config.maxBatchFiles} image files, each a part named \`file\`.`,
  };
  const schema = { type: "object" as const, properties: { file: files }, required: ["file"] };
  return createRoute({
    method: "post",
    path: "/albums/{id}/import",
    tags,
    summary: "Store many photos in an album",
    description:
      "For its owner and contributors. A file that is refused is told of and does not keep the others out; files that " +
      "the caller has already go into the album too.",
    security: bearer,
    middleware: [requireScope(["photos:write", "photos:read"], "upload")],
    request: {
      params: idParam("Album id."),
      body: { required: true, content: { "multipart/form-data": { schema } } },
    },
    responses: {
      200: json("What became of each file.", storedFilesSchema),
      ...problems({
        400: "`TOO_MANY_FILES`, `MISSING_FILE`",
        403: "`ALBUM_ROLE_REQUIRED`",
        404: "`ALBUM_NOT_FOUND`",
      }),
    },
  });
}
