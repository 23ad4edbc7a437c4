import { randomUUID } from "node:crypto";
import { notFound, type RpcContext, requireUser } from "@ocelli/chassis";
import { libraryV1 } from "@ocelli/contracts";

/** Jobs behind the gateway. */
export interface JobWorld {
  readonly created: libraryV1.CreateJobRequest[];
  readonly jobs: Map<string, { ownerId: string; job: libraryV1.Job; items: libraryV1.JobItem[] }>;
  readonly lists: libraryV1.ListJobsRequest[];
}

/** A world without jobs. */
export function createJobWorld(): JobWorld {
  return { created: [], jobs: new Map(), lists: [] };
}

/** JobService in memory: jobs end as soon as they are made. */
export function jobService(world: JobWorld): libraryV1.JobServiceImplementation<RpcContext> {
  const own = (jobId: string, context: RpcContext) => {
    const found = world.jobs.get(jobId);
    if (found?.ownerId !== requireUser(context.identity))
      throw notFound("JOB_NOT_FOUND", "There is no such job.");
    return found;
  };
  return {
    async createJob(request, context) {
      world.created.push(request);
      const { photoIds, refused } = request;
      const job = libraryV1.Job.fromPartial({
        id: randomUUID(),
        kind: request.kind || "analysis",
        status: refused.length > 0 ? "JOB_STATUS_FAILED" : "JOB_STATUS_SUCCEEDED",
        progress: { done: photoIds.length, failed: refused.length, total: photoIds.length + refused.length },
        stages: request.stages,
        createdAt: new Date(),
      });
      const items = [
        ...refused.map((file) => libraryV1.JobItem.fromPartial({ ...file, status: "JOB_STATUS_FAILED" })),
        ...photoIds.map((photoId) =>
          libraryV1.JobItem.fromPartial({
            photoId,
            filename: "a.jpg",
            status: "JOB_STATUS_SUCCEEDED",
            stages: [{ stage: "scene", status: "STAGE_STATUS_SUCCEEDED", attempts: 1 }],
          }),
        ),
      ];
      world.jobs.set(job.id, { ownerId: requireUser(context.identity), job, items });
      return { job };
    },
    getJob: async ({ jobId }, context) => ({ job: own(jobId, context).job }),
    async listJobs(request, context) {
      world.lists.push(request);
      const mine = [...world.jobs.values()].filter((each) => each.ownerId === requireUser(context.identity));
      const jobs = mine
        .map(({ job }) => job)
        .filter(({ kind }) => request.kind === "" || kind === request.kind);
      return { jobs: jobs.toReversed(), nextPageToken: "" };
    },
    listJobItems: async ({ jobId }, context) => ({ items: own(jobId, context).items, nextPageToken: "" }),
    cancelJob: async ({ jobId }, context) => ({ job: own(jobId, context).job }),
    retryJob: async ({ jobId }, context) => ({ job: own(jobId, context).job }),
  };
}
