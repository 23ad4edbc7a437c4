import { createHash } from "node:crypto";
import { createRoute, z } from "@hono/zod-openapi";
import { AppError } from "@ocelli/chassis";
import { Status } from "nice-grpc";
import { annotate } from "../annotate/annotate.ts";
import type { Mark } from "../annotate/svg.ts";
import { callOptions, type GatewayContext } from "../context.ts";
import { matchesEtag } from "../downloads/byte-range.ts";
import { blobProtection, fetchBlob } from "../downloads/send-blob.ts";
import { readResult } from "../shared-results.ts";
import { createSlots } from "../slots.ts";
import { bearer, createRouter, photoIdParam, problemResponse, type RouteDeps } from "./shared.ts";

const flag = z
  .enum(["", "true", "false"])
  .default("true")
  .transform((value) => value !== "false");

const querySchema = z.strictObject({
  faces: flag.openapi({ type: "boolean", description: "Whether faces are drawn; true by default." }),
  objects: flag.openapi({ type: "boolean", description: "Whether objects are drawn; true by default." }),
  labels: flag.openapi({
    type: "boolean",
    description: "Whether names and labels are written; true by default.",
  }),
  minScore: z
    .string()
    .regex(/^(?:0(?:\.\d{1,6})?|1(?:\.0{1,6})?)$/, "must be from 0 to 1")
    .transform(Number)
    .default(0)
    .openapi({ type: "number", description: "Faces and objects below this are left out." }),
});

type Options = z.infer<typeof querySchema>;

// Each takes some 30 ms of a core and a few megabytes.
const drawingLimits = { total: 4, perUser: 2 };
const maxPreviewBytes = 16 * 1024 * 1024;

/** The preview with everything found in it drawn in. */
export function annotatedRoutes(deps: RouteDeps) {
  const router = createRouter();
  const slots = createSlots(
    drawingLimits,
    "TOO_MANY_DRAWINGS",
    "Too many pictures are being drawn; try again soon.",
  );
  router.openapi(annotatedRoute(deps), async (c) => {
    const photoId = c.req.valid("param").id;
    const release = slots.take(c.get("caller").userId);
    try {
      return await drawn(deps, c, photoId, c.req.valid("query"));
    } finally {
      release();
    }
  });
  return router;
}

async function drawn(deps: RouteDeps, c: GatewayContext, photoId: string, options: Options) {
  const [preview, marks] = await Promise.all([
    fetchBlob(deps, c, { photoId, rendition: "RENDITION_PREVIEW" }, maxPreviewBytes),
    marksOf(deps, c, photoId, options),
  ]);
  const image = await annotate(preview, marks);
  const etag = createHash("sha256").update(image).digest("hex");
  const headers = {
    "content-type": "image/jpeg",
    "content-length": String(image.byteLength),
    etag: `"${etag}"`,
    // Names and results change.
    "cache-control": "private, no-cache",
    "content-disposition": `inline; filename="${photoId}-annotated.jpg"`,
    ...blobProtection,
  };
  if (matchesEtag(c.req.header("if-none-match"), etag)) {
    const { "content-length": _, ...others } = headers;
    return new Response(null, { status: 304, headers: others });
  }
  return new Response(c.req.method === "HEAD" ? null : new Uint8Array(image), { headers });
}

/** Objects first: faces, which are smaller, are drawn over them. */
async function marksOf(
  deps: RouteDeps,
  c: GatewayContext,
  photoId: string,
  options: Options,
): Promise<Mark[]> {
  const call = { ...callOptions(c), photoId };
  const [scene, faces] = await Promise.all([
    options.objects ? orNone(readResult(deps, c, call, (results) => results.scene)) : undefined,
    options.faces ? orNone(readResult(deps, c, call, (results) => results.faces)) : undefined,
  ]);
  const text = (words: string) => (options.labels ? words : "");
  const marks = [
    ...(scene?.objects ?? []).map(({ label, score, box }) => ({
      kind: "object" as const,
      score,
      box,
      text: text(`${label} ${Math.round(score * 100)}%`),
    })),
    ...(faces ?? []).map(({ score, box, personName }) => ({
      kind: "face" as const,
      score,
      box,
      text: text(personName ?? ""),
    })),
  ];
  return marks.filter(({ score }) => score >= options.minScore);
}

/** A result that does not exist yet is no reason not to draw the others; a service that is down is. */
async function orNone<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if (AppError.from(error).code === Status.NOT_FOUND) return undefined;
    throw error;
  }
}

function annotatedRoute({ requireScope }: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/photos/{id}/annotated",
    tags: ["photos"],
    summary: "The preview with faces, objects and names drawn in",
    description: "What is not analysed yet is left out. Answers 304 to a matching `If-None-Match`.",
    security: bearer,
    middleware: [requireScope("photos:read")],
    request: { params: photoIdParam, query: querySchema },
    responses: {
      200: {
        description: "The picture.",
        content: { "image/jpeg": { schema: { type: "string" as const, format: "binary" } } },
      },
      304: { description: "Not changed." },
      ...problemResponse,
    },
  });
}
