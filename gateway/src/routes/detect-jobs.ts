import { createRoute, z } from "@hono/zod-openapi";
import { AppError, notFound } from "@ocelli/chassis";
import type { libraryV1 } from "@ocelli/contracts";
import { Status } from "nice-grpc";
import { callOptions } from "../context.ts";
import type { PhotoResults, ResultCallOptions } from "../photo-results.ts";
import { detectionItemSchema, jobSchema, toItemFields, toJobView } from "../views/jobs.ts";
import { required } from "../views/required.ts";
import { door, problems } from "./account-route.ts";
import { jobIdParam, unknownJob } from "./jobs.ts";
import { createRouter, json, listOf, pageQuery, problemResponse, type RouteDeps } from "./shared.ts";

const detectionJobSchema = jobSchema
  .extend({ photos: z.array(detectionItemSchema), nextPageToken: listOf(jobSchema).shape.nextPageToken })
  .openapi("DetectionJob");

type DetectionItem = z.infer<typeof detectionItemSchema>;

// Photos whose detections are fetched at once for one request.
const fetchesAtOnce = 8;

/** Detection jobs with what was detected. */
export function detectJobRoutes(deps: RouteDeps) {
  const { jobs } = deps.clients;
  const router = createRouter(unknownJob);

  router.openapi(jobRoute(deps), async (c) => {
    const jobId = c.req.valid("param").id;
    const options = callOptions(c);
    const job = required((await jobs.getJob({ jobId }, options)).job, "job");
    if (job.kind !== "detection") throw notFound(unknownJob.reason, unknownJob.message);
    const page = await jobs.listJobItems({ jobId, ...c.req.valid("query") }, options);
    const photos = await withDetections(page.items, (photoId) =>
      detectionsOf(deps.results, photoId, options),
    );
    return c.json({ ...toJobView(job), photos, nextPageToken: page.nextPageToken }, 200);
  });
  router.openapi(historyRoute(deps), async (c) => {
    const found = await jobs.listJobs({ ...c.req.valid("query"), kind: "detection" }, callOptions(c));
    return c.json({ items: found.jobs.map(toJobView), nextPageToken: found.nextPageToken }, 200);
  });
  return router;
}

function jobRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/detect/jobs/{id}",
    tags: ["detect"],
    summary: "A detection job with a page of its photos and what was detected in them",
    ...door(deps, "photos:read"),
    request: { params: jobIdParam, query: z.strictObject(pageQuery) },
    responses: {
      200: json("The job; refused files are among its photos.", detectionJobSchema),
      ...problems({ 404: "`JOB_NOT_FOUND`" }),
    },
  });
}

function historyRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/detect/history",
    tags: ["detect"],
    summary: "List detection jobs, newest first",
    ...door(deps, "photos:read"),
    request: { query: z.strictObject(pageQuery) },
    responses: { 200: json("One page.", listOf(jobSchema)), ...problemResponse },
  });
}

type Detections = DetectionItem["detections"];

async function withDetections(
  items: readonly libraryV1.JobItem[],
  fetchOne: (photoId: string) => Promise<Detections>,
): Promise<DetectionItem[]> {
  const views: DetectionItem[] = items.map((item) => ({ ...toItemFields(item), detections: null }));
  const wanted = views.filter(({ status, photoId }) => status === "SUCCEEDED" && photoId !== null);
  const queue = wanted.values();
  const work = async () => {
    for (const view of queue) view.detections = await fetchOne(view.photoId ?? "");
  };
  await Promise.all(Array.from({ length: fetchesAtOnce }, work));
  return views;
}

/** `null` for a photo that was deleted since. */
async function detectionsOf(
  results: Pick<PhotoResults, "scene">,
  photoId: string,
  options: ResultCallOptions,
): Promise<Detections> {
  try {
    const { objects } = await results.scene(photoId, options);
    return objects.map(({ label, score, box }) => ({ label, confidence: score, box }));
  } catch (error) {
    if (AppError.from(error).code === Status.NOT_FOUND) return null;
    throw error;
  }
}
