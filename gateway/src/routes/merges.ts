import { createRoute, z } from "@hono/zod-openapi";
import { callOptions } from "../context.ts";
import { toMergeView, toPersonView } from "../views/people.ts";
import { madeMergeSchema, mergeSchema, undoneMergeSchema } from "../views/schemas-people.ts";
import { door, idParam, jsonBody, problems } from "./account-route.ts";
import { id } from "./inputs.ts";
import { peopleTags as tags, unknownMerge, unknownPerson } from "./people-inputs.ts";
import { createRouter, json, listOf, pageQuery, type RouteDeps } from "./shared.ts";

const mergeBody = z
  .strictObject({ personIds: z.array(id).min(1).max(50).openapi({ description: "Who they are, too." }) })
  .openapi("MergePeople");

/** Making persons one. */
export function mergeRoutes(deps: RouteDeps) {
  const { people } = deps.clients;
  const router = createRouter(unknownPerson);
  router.openapi(mergeRoute(deps), async (c) => {
    const request = { survivorId: c.req.valid("param").id, ...c.req.valid("json") };
    // Moves all their faces: it takes as long as an upload may.
    const answer = await people.mergePeople(request, callOptions(c, deps.config.uploadTimeoutMs));
    return c.json({ ...toMergeView(answer.merge), person: toPersonView(answer.person) }, 201);
  });
  return router;
}

/** What was made one, and taking it back. */
export function mergeHistoryRoutes(deps: RouteDeps) {
  const { people } = deps.clients;
  const router = createRouter(unknownMerge);
  router.openapi(listRoute(deps), async (c) => {
    const page = await people.listMerges(c.req.valid("query"), callOptions(c));
    return c.json({ items: page.merges.map(toMergeView), nextPageToken: page.nextPageToken }, 200);
  });
  router.openapi(undoRoute(deps), async (c) => {
    const request = { mergeId: c.req.valid("param").id };
    const answer = await people.undoMerge(request, callOptions(c, deps.config.uploadTimeoutMs));
    return c.json({ ...toMergeView(answer.merge), people: answer.people.map(toPersonView) }, 200);
  });
  return router;
}

function mergeRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/people/{id}/merge",
    tags,
    summary: "Say that persons are one",
    description: "The person of the address stays; a name wins over none. Can be undone.",
    ...door(deps, "people", "json"),
    request: { params: idParam("Who stays."), body: jsonBody(mergeBody) },
    responses: {
      201: json("What was done.", madeMergeSchema),
      ...problems({ 400: "`INVALID_MERGE`", 404: "`PERSON_NOT_FOUND`" }),
    },
  });
}

function listRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/merges",
    tags,
    summary: "List merges, newest first",
    ...door(deps, "people"),
    request: { query: z.strictObject(pageQuery) },
    responses: {
      200: json("One page.", listOf(mergeSchema)),
      ...problems({ 400: "`INVALID_PAGE_TOKEN`" }),
    },
  });
}

function undoRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/merges/{id}/undo",
    tags,
    summary: "Take a merge back",
    description: "Everybody is who they were; what was added later stays where it was put.",
    ...door(deps, "people"),
    request: { params: idParam("Merge id.") },
    responses: {
      200: json("The merge, undone, and everybody it was about.", undoneMergeSchema),
      ...problems({ 404: "`MERGE_NOT_FOUND`", 409: "`ALREADY_UNDONE`" }),
    },
  });
}
