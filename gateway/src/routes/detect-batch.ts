import { createRoute, z } from "@hono/zod-openapi";
import { AppError } from "@ocelli/chassis";
import { Status } from "nice-grpc";
import { callOptions, type GatewayContext } from "../context.ts";
import { idempotencyHeader, requestIdOf } from "../idempotency-key.ts";
import type { FilePart } from "../multipart.ts";
import { uploadMessages } from "../upload-messages.ts";
import { forwardFiles, type UploadCallOptions } from "../uploads.ts";
import { jobSchema, toJobView } from "../views/jobs.ts";
import { required } from "../views/required.ts";
import { problems } from "./account-route.ts";
import { bearer, createRouter, json, type RouteDeps } from "./shared.ts";

const batchSchema = z
  .object({
    jobId: z.uuid(),
    status: jobSchema.shape.status,
    accepted: z.int().openapi({ description: "Files that were stored, or had been before." }),
    photos: z.array(z.object({ filename: z.string(), photoId: z.uuid(), duplicate: z.boolean() })),
    refused: z.array(z.object({ filename: z.string(), reason: z.string(), detail: z.string() })),
  })
  .openapi("DetectionBatch");

/** What became of each file. */
export const storedFilesSchema = batchSchema.pick({ photos: true, refused: true }).openapi("StoredFiles");

type Batch = z.infer<typeof storedFilesSchema>;

/** Many photos at once: stored, and watched as one job until the objects in them are known. */
export function detectBatchRoutes(deps: RouteDeps) {
  const router = createRouter();
  router.openapi(batchRoute(deps), async (c) => {
    const requestId = requestIdOf(c) ?? "";
    const batch = await storeFiles(deps, c);
    const { job } = await deps.clients.jobs.createJob(toRequest(batch, requestId), callOptions(c));
    const { id: jobId, status } = toJobView(required(job, "job"));
    const answer = { jobId, status, accepted: batch.photos.length, ...batch };
    return c.json(answer, 202, { location: `/api/v1/detect/jobs/${jobId}` });
  });
  return router;
}

function batchRoute({ requireScope, config }: RouteDeps) {
  const files = {
    type: "array" as const,
    items: { type: "string" as const, format: "binary" },
    description: `At most ${config.maxBatchFiles} image files, each a part named \`file\`.`,
  };
  const albumId = { type: "string" as const, description: "Album to add the photos to; before the files." };
  const schema = { type: "object" as const, properties: { albumId, file: files }, required: ["file"] };
  return createRoute({
    method: "post",
    path: "/detect/batch",
    tags: ["detect"],
    summary: "Store many photos and detect objects in them",
    description: "A file that is refused is told of and does not keep the others out.",
    security: bearer,
    middleware: [requireScope("photos:write", "upload")],
    request: {
      headers: idempotencyHeader,
      body: { required: true, content: { "multipart/form-data": { schema } } },
    },
    responses: {
      202: json("Stored; `Location` names the job.", batchSchema),
      ...problems({ 400: "`TOO_MANY_FILES`, `MISSING_FILE`", 429: "`TOO_MANY_JOBS`" }),
    },
  });
}

/** Stores the files of a request one after the other, into an album where one is given, and tells what became of each. */
export async function storeFiles(deps: RouteDeps, c: GatewayContext, albumId?: string): Promise<Batch> {
  const batch: Batch = { photos: [], refused: [] };
  await forwardFiles(c, deps.config, async (part, options) => {
    const filename = part.filename.slice(0, 255);
    try {
      batch.photos.push({
        filename,
        ...(await store(deps, albumId === undefined ? part : into(albumId, part), options)),
      });
    } catch (error) {
      const { code, reason, message } = AppError.from(error);
      // The client left, or is nobody any more: no later file fares better.
      if (options.signal.aborted || code === Status.UNAUTHENTICATED) throw error;
      const detail = code === Status.INTERNAL ? "Something went wrong." : message;
      batch.refused.push({ filename, reason, detail });
    }
  });
  return batch;
}

async function store({ clients }: RouteDeps, part: FilePart, options: UploadCallOptions) {
  const { photo, duplicate } = await clients.library.uploadPhoto(uploadMessages(part, false), options);
  return { photoId: required(photo, "photo").id, duplicate };
}

/** What the path says counts, whatever the form says. */
function into(albumId: string, part: FilePart): FilePart {
  return { ...part, fields: new Map([...part.fields, ["albumId", albumId]]) };
}

function toRequest({ photos, refused }: Batch, requestId: string) {
  return {
    photoIds: photos.map(({ photoId }) => photoId),
    // Objects are what the scene stage finds; the others go on as with any upload.
    stages: ["scene"],
    kind: "detection",
    onlyMissing: true,
    refused: refused.map(({ filename, reason, detail }) => ({ filename, error: `${reason}: ${detail}` })),
    requestId,
  };
}
