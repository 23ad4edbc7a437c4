import { createRoute, z } from "@hono/zod-openapi";
import type { searchV1 } from "@ocelli/contracts";
import { callOptions, type GatewayContext } from "../context.ts";
import type { FilePart } from "../multipart.ts";
import { validationError } from "../problem.ts";
import { forwardFile } from "../uploads.ts";
import { hitSchema, toHitView } from "../views/search.ts";
import { door, problems } from "./account-route.ts";
import { fraction } from "./search-query.ts";
import { createRouter, fileBody, json, listOf, pageQuery, photoIdParam, type RouteDeps } from "./shared.ts";

const minScore = fraction
  .optional()
  .openapi({ description: "Least likeness; absent means the calibrated cut." });

const byImageQuery = z.strictObject({ minScore, pageSize: pageQuery.pageSize });

/** Photos that look like another one, or like a picture that is not stored. */
export function similarRoutes(deps: RouteDeps) {
  const { search } = deps.clients;
  const router = createRouter();
  router.openapi(similarRoute(deps), async (c) => {
    const { minScore: least, ...page } = c.req.valid("query");
    const request = {
      photoId: c.req.valid("param").id,
      ...page,
      ...(least === undefined ? {} : { minScore: least }),
    };
    const { hits, nextPageToken } = await search.findSimilar(request, callOptions(c));
    return c.json({ items: hits.map(toHitView), nextPageToken }, 200);
  });
  router.openapi(byImageRoute(deps), async (c) => {
    const hits = await searchByImage(deps, c, c.req.valid("query"));
    return c.json({ items: hits.map(toHitView), nextPageToken: "" as const }, 200);
  });
  return router;
}

async function searchByImage(
  { clients, config, detectionSlots }: RouteDeps,
  c: GatewayContext,
  query: z.output<typeof byImageQuery>,
): Promise<searchV1.SearchHit[]> {
  const release = detectionSlots.take(c.get("caller").userId);
  try {
    const { hits } = await forwardFile(c, config, (part, options) =>
      clients.search.searchByImage(imageMessages(part, { ...readFields(part), ...given(query) }), options),
    );
    return hits;
  } finally {
    release();
  }
}

/** A page size of 0 is no wish: a form field then counts. */
function given({ minScore: least, pageSize }: z.output<typeof byImageQuery>) {
  return { ...(least === undefined ? {} : { minScore: least }), ...(pageSize === 0 ? {} : { pageSize }) };
}

function readFields({ fields }: FilePart): { minScore?: number; pageSize: number } {
  const known = [...fields].filter(([name]) => name in byImageQuery.shape);
  const parsed = byImageQuery.safeParse(Object.fromEntries(known));
  if (!parsed.success) throw validationError(parsed.error);
  return { pageSize: parsed.data.pageSize, ...given(parsed.data) };
}

async function* imageMessages(
  part: FilePart,
  options: { minScore?: number; pageSize: number },
): AsyncGenerator<searchV1.SearchByImageRequest> {
  yield { part: { $case: "options", value: options } };
  for await (const chunk of part.chunks) yield { part: { $case: "chunk", value: chunk } };
}

function similarRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/photos/{id}/similar",
    tags: ["search"],
    summary: "Photos that look like one",
    ...door(deps, "search"),
    request: { params: photoIdParam, query: z.strictObject({ minScore, ...pageQuery }) },
    responses: {
      200: json("Likest first, without the photo itself.", listOf(hitSchema)),
      ...problems({ 404: "`PHOTO_NOT_FOUND`", 409: "`PHOTO_NOT_EMBEDDED`: it was not looked at yet." }),
    },
  });
}

function byImageRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/search/by-image",
    tags: ["search"],
    summary: "Photos that look like a picture that is not stored",
    description:
      "Nothing is stored. `minScore` and `pageSize` are query parameters, or form fields before the file.",
    ...door(deps, "search"),
    request: {
      query: byImageQuery,
      body: fileBody({
        minScore: { type: "number", description: "Least likeness, 0..1." },
        pageSize: { type: "number", description: "Photos wanted; at most 100." },
      }),
    },
    responses: {
      200: json("Likest first, on one page.", listOf(hitSchema)),
      ...problems({ 400: "`EMPTY_FILE`, `UNSUPPORTED_MEDIA_TYPE`, `CORRUPT_IMAGE`" }),
    },
  });
}
