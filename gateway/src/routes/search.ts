import { createRoute, z } from "@hono/zod-openapi";
import { callOptions } from "../context.ts";
import { bearer, createRouter, json, listOf, pageQuery, problemResponse, type RouteDeps } from "./shared.ts";

const modes = {
  hybrid: "SEARCH_MODE_HYBRID",
  semantic: "SEARCH_MODE_SEMANTIC",
  text: "SEARCH_MODE_TEXT",
} as const;

const searchQuery = z.strictObject({
  q: z.string().min(1).max(500).openapi({ description: "What to look for.", example: "cup of coffee" }),
  mode: z
    .enum(["hybrid", "semantic", "text"])
    .default("hybrid")
    .openapi({ description: "Picture meaning and words fused, or one of them alone." }),
  minScore: z
    .string()
    .regex(/^(0(\.\d{1,9})?|1(\.0{1,9})?)$/, "must be a number from 0 to 1")
    .transform(Number)
    .optional()
    .openapi({ type: "number", description: "Least relevance; absent means the calibrated cut." }),
  ...pageQuery,
});

const hitSchema = z
  .object({
    photoId: z.string(),
    score: z.number(),
    why: z
      .array(z.string())
      .openapi({ description: "Why it matches.", example: ["picture", "caption: cup"] }),
  })
  .openapi("SearchHit");

/** Search over the caller's photos. */
export function searchRoutes({ clients, requireScope }: RouteDeps) {
  const router = createRouter();
  router.openapi(
    createRoute({
      method: "get",
      path: "/search",
      tags: ["search"],
      summary: "Find photos",
      security: bearer,
      middleware: [requireScope("search")],
      request: { query: searchQuery },
      responses: { 200: json("Best first.", listOf(hitSchema)), ...problemResponse },
    }),
    async (c) => {
      const { q, mode, minScore, ...page } = c.req.valid("query");
      const request = {
        query: q,
        mode: modes[mode],
        ...page,
        ...(minScore === undefined ? {} : { minScore }),
      };
      const { hits, nextPageToken } = await clients.search.search(request, callOptions(c));
      const items = hits.map(({ photoId, score, why }) => ({ photoId, score, why }));
      return c.json({ items, nextPageToken }, 200);
    },
  );
  return router;
}
