import { createRoute, z } from "@hono/zod-openapi";
import { stages } from "@ocelli/contracts";
import { callOptions } from "../context.ts";
import { idempotencyHeader, requestIdOf } from "../idempotency-key.ts";
import { limitJsonBody } from "../json-body.ts";
import {
  jobItemSchema,
  jobSchema,
  jobStatuses,
  toJobItemView,
  toJobView,
  toStatusMessage,
} from "../views/jobs.ts";
import { required } from "../views/required.ts";
import { door, jsonBody, problems } from "./account-route.ts";
import { createRouter, json, listOf, pageQuery, problemResponse, type RouteDeps } from "./shared.ts";

/** What routes answer for a job that does not exist. */
export const unknownJob = { reason: "JOB_NOT_FOUND", message: "There is no such job." };

/** Path parameter of one job. */
export const jobIdParam = z.strictObject({
  id: z
    .uuid()
    .toLowerCase()
    .openapi({ param: { name: "id", in: "path" }, description: "Job id." }),
});

// Ten thousand ids of 36 characters, quoted and separated.
const jobBodyBytes = 512 * 1024;
const stageNames = stages.map(({ name }) => name);
const tags = ["jobs"];

const createBody = z
  .strictObject({
    photoIds: z.array(z.uuid().toLowerCase()).min(1).max(10_000).optional(),
    albumId: z.uuid().toLowerCase().optional().openapi({ description: "All photos of an album instead." }),
    stages: z.array(z.enum(stageNames)).max(stageNames.length).optional().openapi({
      description: "Stages to run again; all without it. What a human wrote stays.",
    }),
    onlyMissing: z.boolean().optional().openapi({ description: "Do not run again what has succeeded." }),
    requestId: z.uuid().toLowerCase().optional().openapi({
      description: "Like the header `Idempotency-Key`, which it goes before.",
    }),
  })
  .refine(({ photoIds, albumId }) => (photoIds === undefined) !== (albumId === undefined), {
    path: ["photoIds"],
    message: "either photoIds or albumId is required",
  })
  .openapi("NewJob");

/** Jobs: made, watched, cancelled, tried again. */
export function jobRoutes(deps: RouteDeps) {
  const { jobs } = deps.clients;
  const router = createRouter(unknownJob);

  router.openapi(createJobRoute(deps), async (c) => {
    const { photoIds = [], albumId = "", stages = [], onlyMissing = false, requestId } = c.req.valid("json");
    const request = { photoIds, albumId, stages, onlyMissing, requestId: requestId ?? requestIdOf(c) ?? "" };
    const { job } = await jobs.createJob(request, callOptions(c));
    const view = toJobView(required(job, "job"));
    return c.json(view, 202, { location: `/api/v1/jobs/${view.id}` });
  });
  router.openapi(listRoute(deps), async (c) => {
    const { status, kind = "", ...page } = c.req.valid("query");
    const found = await jobs.listJobs({ ...page, kind, status: toStatusMessage(status) }, callOptions(c));
    return c.json({ items: found.jobs.map(toJobView), nextPageToken: found.nextPageToken }, 200);
  });
  router.openapi(getRoute(deps), async (c) => {
    const { job } = await jobs.getJob({ jobId: c.req.valid("param").id }, callOptions(c));
    return c.json(toJobView(required(job, "job")), 200);
  });
  router.openapi(itemsRoute(deps), async (c) => {
    const request = { jobId: c.req.valid("param").id, ...c.req.valid("query") };
    const { items, nextPageToken } = await jobs.listJobItems(request, callOptions(c));
    return c.json({ items: items.map(toJobItemView), nextPageToken }, 200);
  });
  router.openapi(changeRoute(deps, "cancel", "Stop what has not begun", "`JOB_ENDED`"), async (c) => {
    const { job } = await jobs.cancelJob({ jobId: c.req.valid("param").id }, callOptions(c));
    return c.json(toJobView(required(job, "job")), 200);
  });
  const refusals = "`JOB_RUNNING`, `NOTHING_FAILED`";
  router.openapi(changeRoute(deps, "retry", "Run the failed stages again", refusals), async (c) => {
    const { job } = await jobs.retryJob({ jobId: c.req.valid("param").id }, callOptions(c));
    return c.json(toJobView(required(job, "job")), 200);
  });
  return router;
}

function createJobRoute(deps: RouteDeps) {
  const { middleware, ...entrance } = door(deps, "photos:write");
  return createRoute({
    method: "post",
    path: "/jobs",
    tags,
    summary: "Run stages over photos",
    ...entrance,
    middleware: [...middleware, limitJsonBody(Math.max(deps.config.maxJsonBytes, jobBodyBytes))],
    request: { headers: idempotencyHeader, body: jsonBody(createBody) },
    responses: {
      202: json("Made; `Location` names it.", jobSchema),
      ...problems({ 400: "`INVALID_JOB`: some photos are unknown.", 429: "`TOO_MANY_JOBS`" }),
    },
  });
}

function listRoute(deps: RouteDeps) {
  const query = z.strictObject({
    ...pageQuery,
    kind: z.enum(["analysis", "detection"]).optional(),
    status: z.enum(jobStatuses).optional(),
  });
  return createRoute({
    method: "get",
    path: "/jobs",
    tags,
    summary: "List jobs, newest first",
    ...door(deps, "photos:read"),
    request: { query },
    responses: { 200: json("One page.", listOf(jobSchema)), ...problemResponse },
  });
}

function getRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/jobs/{id}",
    tags,
    summary: "A job and how far it has come",
    ...door(deps, "photos:read"),
    request: { params: jobIdParam },
    responses: { 200: json("The job.", jobSchema), ...problems({ 404: "`JOB_NOT_FOUND`" }) },
  });
}

function itemsRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/jobs/{id}/items",
    tags,
    summary: "What became of each photo of a job",
    ...door(deps, "photos:read"),
    request: { params: jobIdParam, query: z.strictObject(pageQuery) },
    responses: { 200: json("One page.", listOf(jobItemSchema)), ...problems({ 404: "`JOB_NOT_FOUND`" }) },
  });
}

function changeRoute<V extends string>(deps: RouteDeps, verb: V, summary: string, refusals: string) {
  return createRoute({
    method: "post",
    path: `/jobs/{id}/${verb}`,
    tags,
    summary,
    ...door(deps, "photos:write"),
    request: { params: jobIdParam },
    responses: {
      200: json("The job as it is now.", jobSchema),
      ...problems({ 404: "`JOB_NOT_FOUND`", 409: refusals }),
    },
  });
}
