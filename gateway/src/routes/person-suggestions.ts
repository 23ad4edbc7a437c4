import { createRoute, z } from "@hono/zod-openapi";
import { callOptions } from "../context.ts";
import { toMergeView, toSuggestionView } from "../views/people.ts";
import { answeredSuggestionSchema, suggestionSchema } from "../views/schemas-people.ts";
import { door, jsonBody, problems } from "./account-route.ts";
import { id } from "./inputs.ts";
import { peopleTags as tags, unknownPerson } from "./people-inputs.ts";
import { createRouter, json, listOf, pageQuery, type RouteDeps } from "./shared.ts";

const answerBody = z
  .strictObject({
    personId: id.openapi({ description: "Survives when they are the same, unless only the other is named." }),
    otherId: id,
    same: z.boolean(),
  })
  .openapi("AnswerSuggestion");

/** "Same person?" */
export function personSuggestionRoutes(deps: RouteDeps) {
  const { people } = deps.clients;
  const router = createRouter(unknownPerson);
  router.openapi(listRoute(deps), async (c) => {
    const page = await people.listSuggestions(c.req.valid("query"), callOptions(c));
    return c.json({ items: page.suggestions.map(toSuggestionView), nextPageToken: page.nextPageToken }, 200);
  });
  router.openapi(answerRoute(deps), async (c) => {
    // A yes moves all faces of one person: it takes as long as an upload may.
    const options = callOptions(c, deps.config.uploadTimeoutMs);
    const { merge } = await people.answerSuggestion(c.req.valid("json"), options);
    return c.json({ merge: merge ? toMergeView(merge) : null }, 200);
  });
  return router;
}

function listRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/people/suggestions",
    tags,
    summary: "List pairs of persons that may be the same",
    description: "Likeliest first; without those that were answered.",
    ...door(deps, "people"),
    request: { query: z.strictObject(pageQuery) },
    responses: {
      200: json("One page.", listOf(suggestionSchema)),
      ...problems({ 400: "`INVALID_PAGE_TOKEN`" }),
    },
  });
}

function answerRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/people/suggestions",
    tags,
    summary: "Say whether two persons are the same",
    description: "The same are merged, which can be undone; different ones are never suggested again.",
    ...door(deps, "people", "json"),
    request: { body: jsonBody(answerBody) },
    responses: {
      200: json("What was done.", answeredSuggestionSchema),
      ...problems({ 400: "`INVALID_MERGE`", 404: "`PERSON_NOT_FOUND`" }),
    },
  });
}
