import { createRoute, z } from "@hono/zod-openapi";
import type { libraryV1 } from "@ocelli/contracts";
import { callOptions } from "../context.ts";
import { limitJsonBody } from "../json-body.ts";
import type { FilePart } from "../multipart.ts";
import { forwardFile, type UploadCallOptions } from "../uploads.ts";
import { jsonBody, problems } from "./account-route.ts";
import { bearer, createRouter, fileBody, json, type RouteDeps } from "./shared.ts";

// A thousand hashes are 67 kB, whatever other bodies may have.
const maxExistsBytes = 80_000;

const hash = z.string().regex(/^[0-9a-f]{64}$/, "must be a SHA-256 in lower-case hex");

const existsBody = z
  .strictObject({ sha256: z.array(hash).min(1).max(1000).openapi({ description: "Of the original files." }) })
  .openapi("WhichPhotosExist");

const existsAnswer = z
  .object({
    photos: z.array(
      z.object({
        sha256: z.string(),
        photoId: z.uuid(),
        trashed: z.boolean().openapi({ description: "In the trash: an upload takes it out again." }),
      }),
    ),
  })
  .openapi("ExistingPhotos");

const verdictSchema = z
  .object({
    valid: z.boolean().openapi({ description: "True when nothing speaks against an upload." }),
    mediaType: z.string().nullable().openapi({ description: "Found by content; `null` when unknown." }),
    width: z.int().nullable(),
    height: z.int().nullable(),
    sizeBytes: z.int().openapi({ description: "Bytes received." }),
    sha256: z.string().nullable(),
    duplicateOf: z.uuid().nullable().openapi({ description: "The caller's photo of these bytes." }),
    problems: z.array(z.object({ reason: z.string(), message: z.string() })).openapi({
      description: "What an upload would be refused with.",
    }),
  })
  .openapi("PhotoVerdict");

/** What an upload would come to, before it is made. */
export function photoCheckRoutes(deps: RouteDeps) {
  const { clients, config } = deps;
  const router = createRouter();

  router.openapi(existsRoute(deps), async (c) => {
    const { photos } = await clients.photos.findExisting(c.req.valid("json"), callOptions(c));
    return c.json(
      { photos: photos.map(({ sha256, photoId, trashed }) => ({ sha256, photoId, trashed })) },
      200,
    );
  });
  router.openapi(validateRoute(deps), async (c) => {
    const verdict = await forwardFile(c, config, (part, options) => validate(deps, part, options));
    return c.json(toVerdictView(verdict), 200);
  });
  return router;
}

/** The verdict may come before the end of the file; the form is read to its end all the same. */
async function validate(
  { clients }: RouteDeps,
  part: FilePart,
  options: UploadCallOptions,
): Promise<libraryV1.ValidatePhotoResponse> {
  // Not iterated with `for`: that would close the part when the call ends early.
  const chunks = part.chunks[Symbol.asyncIterator]();
  async function* messages(): AsyncGenerator<libraryV1.ValidatePhotoRequest> {
    const filename = part.filename.slice(0, 1024);
    yield { part: { $case: "info", value: { filename, interactive: false, albumId: "" } } };
    let sizeBytes = 0;
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
      sizeBytes += next.value.byteLength;
      yield { part: { $case: "chunk", value: next.value } };
    }
    yield { part: { $case: "end", value: { sizeBytes } } };
  }
  const verdict = await clients.photos.validatePhoto(messages(), options);
  while (!(await chunks.next()).done);
  return verdict;
}

function toVerdictView(verdict: libraryV1.ValidatePhotoResponse): z.infer<typeof verdictSchema> {
  return {
    valid: verdict.valid,
    mediaType: verdict.mediaType || null,
    width: verdict.width || null,
    height: verdict.height || null,
    sizeBytes: verdict.sizeBytes,
    sha256: verdict.sha256 || null,
    duplicateOf: verdict.duplicateOf || null,
    problems: verdict.problems.map(({ reason, message }) => ({ reason, message })),
  };
}

function existsRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/photos/exists",
    tags: ["photos"],
    summary: "Which files are there already",
    description: "At most 1,000 hashes; only what the caller owns is named. What is there need not be sent.",
    security: bearer,
    middleware: [deps.requireScope("photos:read"), limitJsonBody(maxExistsBytes)],
    request: { body: jsonBody(existsBody) },
    responses: { 200: json("Those that are.", existsAnswer), ...problems({ 403: "`SCOPE_REQUIRED`" }) },
  });
}

function validateRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/photos/validate",
    tags: ["photos"],
    summary: "Whether a file would be accepted",
    description:
      "Does everything an upload does, decoding included, and stores nothing. A refusal is an answer here, not a problem.",
    security: bearer,
    middleware: [deps.requireScope("photos:write", "upload")],
    request: { body: fileBody() },
    responses: {
      200: json("The verdict.", verdictSchema),
      ...problems({ 413: "`FILE_TOO_LARGE` for the gateway itself", 429: "`INGEST_QUEUE_FULL`" }),
    },
  });
}
