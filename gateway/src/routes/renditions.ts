import { createRoute } from "@hono/zod-openapi";
import { AppError } from "@ocelli/chassis";
import type { libraryV1 } from "@ocelli/contracts";
import { Status } from "nice-grpc";
import { callOptions, type GatewayContext } from "../context.ts";
import { streamBytes } from "../stream-bytes.ts";
import { required } from "../views/required.ts";
import { bearer, createRouter, photoIdParam, problemResponse, type RouteDeps } from "./shared.ts";

const renditions = {
  original: { rendition: "RENDITION_ORIGINAL", summary: "The file as uploaded" },
  preview: { rendition: "RENDITION_PREVIEW", summary: "Upright JPEG, long side at most 1440" },
  thumbnail: { rendition: "RENDITION_THUMBNAIL", summary: "Upright JPEG, long side at most 320" },
} as const;

// What the library accepts; anything else is handed over as bytes that no browser interprets.
const imageTypes: ReadonlySet<string> = new Set(
  ["jpeg", "png", "webp", "gif", "avif", "tiff", "heic", "heif"].map((type) => `image/${type}`),
);

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
        description: "Answers 304 to a matching `If-None-Match`.",
        security: bearer,
        middleware: [deps.requireScope("photos:read")],
        request: { params: photoIdParam },
        responses: {
          200: {
            description: "The image.",
            content: { "image/*": { schema: { type: "string" as const, format: "binary" } } },
          },
          304: { description: "Not changed." },
          ...problemResponse,
        },
      }),
      (c) => download(deps, c, { photoId: c.req.valid("param").id, rendition }, name),
    );
  }
  return router;
}

async function download(
  { clients, config }: RouteDeps,
  c: GatewayContext,
  request: libraryV1.DownloadPhotoRequest,
  name: string,
): Promise<Response> {
  const stop = new AbortController();
  const options = callOptions(c, config.uploadTimeoutMs);
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const messages = clients.library.downloadPhoto(request, { ...options, signal })[Symbol.asyncIterator]();
  const info = await readInfo(messages);
  const headers = toHeaders(info, `${request.photoId}-${name}`);
  const unchanged = matchesEtag(c.req.header("if-none-match"), info.etag);
  if (unchanged || c.req.method === "HEAD") {
    stop.abort();
    if (unchanged) headers.delete("content-length");
    return new Response(null, { status: unchanged ? 304 : 200, headers });
  }
  return new Response(
    streamBytes(c, readChunks(messages), () => stop.abort()),
    { headers },
  );
}

async function readInfo(
  messages: AsyncIterator<libraryV1.DownloadPhotoResponse>,
): Promise<libraryV1.BlobInfo> {
  const first = await messages.next();
  const part = first.done ? undefined : first.value.part;
  if (part?.$case === "info") return part.value;
  return required<libraryV1.BlobInfo>(undefined, "info");
}

async function* readChunks(
  messages: AsyncIterator<libraryV1.DownloadPhotoResponse>,
): AsyncGenerator<Uint8Array> {
  for (let message = await messages.next(); !message.done; message = await messages.next()) {
    if (message.value.part?.$case !== "chunk") throw outOfOrder();
    yield message.value.part.value;
  }
}

function outOfOrder(): AppError {
  return new AppError({
    code: Status.INTERNAL,
    reason: "INCOMPLETE_ANSWER",
    message: "A chunk was expected.",
  });
}

function toHeaders(info: libraryV1.BlobInfo, name: string): Headers {
  const known = imageTypes.has(info.mediaType);
  const extension = known ? info.mediaType.slice("image/".length).replace("jpeg", "jpg") : "bin";
  return new Headers({
    "content-type": known ? info.mediaType : "application/octet-stream",
    "content-length": String(info.sizeBytes),
    etag: `"${info.etag}"`,
    // The owner's browser may keep it, shared caches may not; the tag decides whether it is still good.
    "cache-control": "private, no-cache",
    // The name is made from the id: what the uploader called the file never reaches a header.
    "content-disposition": `inline; filename="${name}.${extension}"`,
    // A file that a browser would take for a page must not be able to do anything.
    "content-security-policy": "default-src 'none'; sandbox",
    "cross-origin-resource-policy": "same-site",
  });
}

function matchesEtag(header: string | undefined, etag: string): boolean {
  if (!header) return false;
  return (
    header.trim() === "*" || header.split(",").some((each) => each.trim().replace(/^W\//, "") === `"${etag}"`)
  );
}
