import { createRoute, z } from "@hono/zod-openapi";
import { callOptions } from "../context.ts";
import { door, problems } from "./account-route.ts";
import { text } from "./inputs.ts";
import { timeZone } from "./search-query.ts";
import { createRouter, json, listOf, type RouteDeps } from "./shared.ts";

const suggestQuery = z.strictObject({
  q: text(100).min(1).openapi({ description: "What was typed so far.", example: "par" }),
  limit: z
    .string()
    .regex(/^\d{1,9}$/, "must be a whole number, 0 or more")
    .transform(Number)
    .default(0)
    .openapi({ type: "integer", description: "0 or absent means 10; more than 20 is clamped." }),
});

const suggestionSchema = z
  .object({
    kind: z.string().openapi({ description: "`person`, `label`, `place`, `album` or `camera`." }),
    text: z.string().openapi({ description: "As shown.", example: "Paris" }),
    query: z.string().openapi({ description: "Query that finds it.", example: "place:Paris" }),
    count: z.int().openapi({ description: "Photos it would find, roughly." }),
  })
  .openapi("SearchSuggestion");

const memoriesQuery = z.strictObject({
  date: z.iso.date().default("").openapi({ description: "Absent for today.", example: "2026-07-15" }),
  timeZone: timeZone.default(""),
});

const memorySchema = z
  .object({
    year: z.int(),
    photoIds: z.array(z.string()).openapi({ description: "At most 50, earliest first." }),
    count: z.int().openapi({ description: "Photos of that day in all." }),
  })
  .openapi("Memory");

/** What to search for, and what happened on this day. */
export function suggestionRoutes(deps: RouteDeps) {
  const { search } = deps.clients;
  const router = createRouter();
  router.openapi(suggestRoute(deps), async (c) => {
    const { q: prefix, limit } = c.req.valid("query");
    const { suggestions } = await search.suggest({ prefix, limit }, callOptions(c));
    const items = suggestions.map(({ kind, text: shown, query, count }) => ({
      ...{ kind, text: shown, query, count },
    }));
    return c.json({ items, nextPageToken: "" as const }, 200);
  });
  router.openapi(memoriesRoute(deps), async (c) => {
    const { memories } = await search.listMemories(c.req.valid("query"), callOptions(c));
    const items = memories.map(({ year, photoIds, count }) => ({ year, photoIds, count }));
    return c.json({ items, nextPageToken: "" as const }, 200);
  });
  return router;
}

function suggestRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/search/suggestions",
    tags: ["search"],
    summary: "Complete what is being typed",
    ...door(deps, "search"),
    request: { query: suggestQuery },
    responses: {
      200: json("Likeliest first, on one page.", listOf(suggestionSchema)),
      ...problems({ 403: "`SCOPE_REQUIRED`" }),
    },
  });
}

function memoriesRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/memories",
    tags: ["search"],
    summary: "On this day in earlier years",
    ...door(deps, "search"),
    request: { query: memoriesQuery },
    responses: {
      200: json("Newest year first, on one page.", listOf(memorySchema)),
      ...problems({ 403: "`SCOPE_REQUIRED`" }),
    },
  });
}
