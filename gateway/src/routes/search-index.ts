import { createRoute, z } from "@hono/zod-openapi";
import { searchV1 } from "@ocelli/contracts";
import { callOptions } from "../context.ts";
import { required } from "../views/required.ts";
import { door, empty, jsonBody, problems } from "./account-route.ts";
import { text } from "./inputs.ts";
import { createRouter, json, type RouteDeps } from "./shared.ts";

const tags = ["search-index"];
const { ModelState } = searchV1;

const states = {
  [ModelState.MODEL_STATE_UNSPECIFIED]: "UNKNOWN",
  [ModelState.MODEL_STATE_FILLING]: "FILLING",
  [ModelState.MODEL_STATE_READY]: "READY",
  [ModelState.MODEL_STATE_ACTIVE]: "ACTIVE",
} as const;

const modelSchema = z
  .object({
    model: z.string().openapi({ description: "Id and version." }),
    state: z.enum(["FILLING", "READY", "ACTIVE", "UNKNOWN"]),
    filled: z.int().openapi({ description: "Photos with a vector." }),
    total: z.int().openapi({ description: "Photos in the index." }),
    failed: z.int().openapi({ description: "Photos that could not be read any more." }),
  })
  .openapi("IndexModel");

const rebuildSchema = z
  .object({
    started: z.boolean(),
    running: z.boolean(),
    documents: z.int(),
    removed: z.int(),
    startedAt: z.string().nullable(),
    finishedAt: z.string().nullable(),
    error: z.string().nullable(),
  })
  .openapi("IndexRebuild");

const modelBody = z.strictObject({ model: text(500).min(1) }).openapi("IndexModelName");
const compareBody = z
  .strictObject({ model: text(500).min(1), sample: z.int().min(1).max(500).optional() })
  .openapi("CompareIndexModels");
const comparisonSchema = z
  .object({ sample: z.int(), overlapAt10: z.number().openapi({ description: "0..1." }) })
  .openapi("IndexComparison");

/** The index behind the search, for administrators. */
export function searchIndexRoutes(deps: RouteDeps) {
  const { index } = deps.clients;
  const router = createRouter();
  router.openapi(modelsRoute(deps), async (c) => {
    const { models } = await index.listIndexModels({}, callOptions(c));
    return c.json({ items: models.map(toModelView), nextPageToken: "" as const }, 200);
  });
  router.openapi(reindexRoute(deps), async (c) => {
    const { model } = await index.startReindex(c.req.valid("json"), callOptions(c));
    return c.json(toModelView(model), 202);
  });
  router.openapi(activateRoute(deps), async (c) => {
    const { model } = await index.activateModel(c.req.valid("json"), callOptions(c));
    return c.json(toModelView(model), 200);
  });
  router.openapi(dropRoute(deps), async (c) => {
    await index.dropModel(c.req.valid("json"), callOptions(c));
    return c.body(null, 204);
  });
  router.openapi(compareRoute(deps), async (c) => {
    const { model, sample = 0 } = c.req.valid("json");
    const answer = await index.compareModels({ model, sample }, callOptions(c, deps.config.uploadTimeoutMs));
    return c.json({ sample: answer.sample, overlapAt10: answer.overlapAt10 }, 200);
  });
  router.openapi(rebuildRoute(deps), async (c) => {
    const { rebuild } = await index.startRebuild({}, callOptions(c));
    return c.json(toRebuildView(rebuild), 202);
  });
  router.openapi(rebuildStateRoute(deps), async (c) => {
    const { rebuild } = await index.getRebuild({}, callOptions(c));
    return c.json(toRebuildView(rebuild), 200);
  });
  return router;
}

function toModelView(answer: searchV1.IndexModel | undefined): z.infer<typeof modelSchema> {
  const { model, state, filled, total, failed } = required(answer, "model");
  return { model, state: states[state], filled, total, failed };
}

function toRebuildView(answer: searchV1.Rebuild | undefined): z.infer<typeof rebuildSchema> {
  const { started, running, documents, removed, startedAt, finishedAt, error } = required(answer, "rebuild");
  return {
    ...{ started, running, documents, removed },
    startedAt: startedAt?.toISOString() ?? null,
    finishedAt: finishedAt?.toISOString() ?? null,
    error: error || null,
  };
}

const description = "For administrators.";

function modelsRoute(deps: RouteDeps) {
  return createRoute({
    ...{ method: "get", path: "/search/index/models", tags, summary: "Models in the index", description },
    ...door(deps, "admin"),
    responses: {
      200: json(
        "The active one first.",
        z.object({ items: z.array(modelSchema), nextPageToken: z.literal("") }),
      ),
      ...problems({}),
    },
  });
}

function reindexRoute(deps: RouteDeps) {
  return createRoute({
    ...{ method: "post", path: "/search/index/models", tags, summary: "Fill the vectors of another model" },
    description: `${description} Searches go on meanwhile.`,
    ...door(deps, "admin", "json"),
    request: { body: jsonBody(modelBody) },
    responses: {
      202: json("Begun.", modelSchema),
      ...problems({ 404: "`MODEL_NOT_FOUND`", 409: "`MODEL_ACTIVE`, `REINDEX_RUNNING`" }),
    },
  });
}

function activateRoute(deps: RouteDeps) {
  return createRoute({
    ...{ method: "post", path: "/search/index/activate", tags, summary: "Let another model answer" },
    description,
    ...door(deps, "admin", "json"),
    request: { body: jsonBody(modelBody) },
    responses: {
      200: json("It answers from now on.", modelSchema),
      ...problems({ 404: "`MODEL_NOT_FOUND`", 409: "`MODEL_INCOMPLETE`" }),
    },
  });
}

function dropRoute(deps: RouteDeps) {
  return createRoute({
    ...{ method: "post", path: "/search/index/drop", tags, summary: "Delete the vectors of a model" },
    description,
    ...door(deps, "admin", "json"),
    request: { body: jsonBody(modelBody) },
    responses: { 204: empty("Deleted."), ...problems({ 404: "`MODEL_NOT_FOUND`", 409: "`MODEL_ACTIVE`" }) },
  });
}

function compareRoute(deps: RouteDeps) {
  return createRoute({
    ...{
      method: "post",
      path: "/search/index/compare",
      tags,
      summary: "Compare a model with the active one",
    },
    description,
    ...door(deps, "admin", "json"),
    request: { body: jsonBody(compareBody) },
    responses: {
      200: json("How far their answers agree.", comparisonSchema),
      ...problems({ 404: "`MODEL_NOT_FOUND`" }),
    },
  });
}

function rebuildRoute(deps: RouteDeps) {
  return createRoute({
    ...{ method: "post", path: "/search/index/rebuild", tags, summary: "Build the index anew" },
    description: `${description} From the other services' stores; searches go on meanwhile.`,
    ...door(deps, "admin"),
    responses: { 202: json("Begun.", rebuildSchema), ...problems({ 409: "`REBUILD_RUNNING`" }) },
  });
}

function rebuildStateRoute(deps: RouteDeps) {
  return createRoute({
    ...{
      method: "get",
      path: "/search/index/rebuild",
      tags,
      summary: "How the last rebuild went",
      description,
    },
    ...door(deps, "admin"),
    responses: { 200: json("The last one.", rebuildSchema), ...problems({}) },
  });
}
