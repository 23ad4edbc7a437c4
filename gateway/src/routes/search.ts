import { createRoute, z } from "@hono/zod-openapi";
import { callOptions } from "../context.ts";
import { hitSchema, toHitView, understandingSchema } from "../views/search.ts";
import { door, problems } from "./account-route.ts";
import { text } from "./inputs.ts";
import { filterOfQuery, fraction, searchFilterQuery, timeZone } from "./search-query.ts";
import { createRouter, json, listOf, pageQuery, type RouteDeps } from "./shared.ts";

const modes = {
  hybrid: "SEARCH_MODE_HYBRID",
  semantic: "SEARCH_MODE_SEMANTIC",
  text: "SEARCH_MODE_TEXT",
} as const;

const searchQuery = z.strictObject({
  q: text(500).default("").openapi({
    description:
      'Plain words, or with "quotes", -minus, `person:`, `label:`, `type:`, `album:`, `camera:`, `place:`, `before:`, `after:`. May be left out beside a filter: everything in it is found then, newest first.',
    example: "cup of coffee",
  }),
  mode: z
    .enum(["hybrid", "semantic", "text"])
    .default("hybrid")
    .openapi({ description: "Picture meaning and words fused, or one of them alone." }),
  minScore: fraction
    .optional()
    .openapi({ description: "Least relevance; absent means the calibrated cut, 0 shows everything." }),
  timeZone: timeZone.default(""),
  ...searchFilterQuery,
  ...pageQuery,
});

const answerSchema = listOf(hitSchema)
  .extend({
    understood: z
      .array(understandingSchema)
      .openapi({ description: "What was understood as more than words." }),
  })
  .openapi("SearchAnswer");

/** Search over the caller's photos. */
export function searchRoutes(deps: RouteDeps) {
  const router = createRouter();
  router.openapi(
    createRoute({
      method: "get",
      path: "/search",
      tags: ["search"],
      summary: "Find photos",
      ...door(deps, "search"),
      request: { query: searchQuery },
      responses: {
        200: json("Best first.", answerSchema),
        ...problems({ 400: "`INVALID_QUERY`, `INVALID_FILTER`, `INVALID_MIN_SCORE`, `INVALID_PAGE_TOKEN`" }),
      },
    }),
    async (c) => {
      const { q, mode, minScore, timeZone: zone, pageSize, pageToken, ...filters } = c.req.valid("query");
      const { hits, nextPageToken, understood } = await deps.clients.search.search(
        {
          query: q,
          mode: modes[mode],
          pageSize,
          pageToken,
          filter: filterOfQuery(filters),
          timeZone: zone,
          ...(minScore === undefined ? {} : { minScore }),
        },
        callOptions(c),
      );
      return c.json(
        {
          items: hits.map(toHitView),
          nextPageToken,
          understood: understood.map(({ kind, text: words, meaning }) => ({ kind, text: words, meaning })),
        },
        200,
      );
    },
  );
  return router;
}
