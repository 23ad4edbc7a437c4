import { createRoute } from "@hono/zod-openapi";
import { callOptions, type GatewayContext } from "../context.ts";
import { sendBlob } from "../downloads/send-blob.ts";
import { bearer, createRouter, photoIdParam, problemResponse, type RouteDeps } from "./shared.ts";

const renditions = {
  original: { rendition: "RENDITION_ORIGINAL", summary: "The file as uploaded" },
  preview: { rendition: "RENDITION_PREVIEW", summary: "Upright JPEG, long side at most 1440" },
  thumbnail: { rendition: "RENDITION_THUMBNAIL", summary: "Upright JPEG, long side at most 320" },
} as const;

// The owner's browser may keep them, shared caches may not. Renditions never change; a day bounds for how long somebody
// else at the same browser would see them.
const cacheControl = {
  original: "private, no-cache",
  rendition: "private, max-age=86400, immutable",
} as const;

const image = { "image/*": { schema: { type: "string" as const, format: "binary" } } };

/** The bytes of a photo. */
export function renditionRoutes(deps: RouteDeps) {
  const router = createRouter();
  for (const [name, { rendition, summary }] of Object.entries(renditions)) {
    router.openapi(
      createRoute({
        method: "get",
        path: `/photos/{id}/${name}`,
        tags: ["photos"],
        summary,
        description: "Answers 304 to a matching `If-None-Match`, and 206 to a `Range` of bytes.",
        security: bearer,
        middleware: [deps.requireScope("photos:read")],
        request: { params: photoIdParam },
        responses: {
          200: { description: "The image.", content: image },
          206: { description: "The range of bytes that was asked for.", content: image },
          304: { description: "Not changed." },
          ...problemResponse,
        },
      }),
      (c) => download(deps, c, c.req.valid("param").id, rendition, name),
    );
  }
  return router;
}

function download(
  deps: RouteDeps,
  c: GatewayContext,
  photoId: string,
  rendition: (typeof renditions)[keyof typeof renditions]["rendition"],
  name: string,
): Promise<Response> {
  if (name !== "original") {
    const filename = async () => `${photoId}-${name}.jpg`;
    return sendBlob(deps, c, { photoId, rendition, filename, cacheControl: cacheControl.rendition });
  }
  const filename = async () => {
    const { photo } = await deps.clients.library.getPhoto({ photoId }, callOptions(c));
    return photo?.filename ?? `${photoId}-original`;
  };
  return sendBlob(deps, c, { photoId, rendition, filename, cacheControl: cacheControl.original });
}
