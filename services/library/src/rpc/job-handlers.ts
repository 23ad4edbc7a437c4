import { type IdentityContext, invalidArgument, requireUser } from "@ocelli/chassis";
import { libraryV1 } from "@ocelli/contracts";
import type { Job, JobItem, JobStatus } from "../job.ts";
import type { Jobs } from "../jobs.ts";
import { toStageStatus } from "./mappers.ts";

const { JobStatus: Status } = libraryV1;

const statuses: Readonly<Record<JobStatus, libraryV1.JobStatus>> = {
  QUEUED: Status.JOB_STATUS_QUEUED,
  RUNNING: Status.JOB_STATUS_RUNNING,
  SUCCEEDED: Status.JOB_STATUS_SUCCEEDED,
  FAILED: Status.JOB_STATUS_FAILED,
  STALLED: Status.JOB_STATUS_STALLED,
  CANCELLED: Status.JOB_STATUS_CANCELLED,
};

/** JobService over the rules. */
export function createJobHandlers(jobs: Jobs): libraryV1.JobServiceImplementation<IdentityContext> {
  return {
    async createJob(request, { identity }) {
      return { job: toJobMessage(await jobs.create(requireUser(identity), request)) };
    },
    async getJob({ jobId }, { identity }) {
      return { job: toJobMessage(await jobs.get(requireUser(identity), jobId)) };
    },
    async listJobs({ kind, status, ...page }, { identity }) {
      const filter = { kind, status: parseStatus(status) };
      const found = await jobs.list(requireUser(identity), filter, page);
      return { jobs: found.jobs.map(toJobMessage), nextPageToken: found.nextPageToken };
    },
    async listJobItems({ jobId, ...page }, { identity }) {
      const found = await jobs.items(requireUser(identity), jobId, page);
      return { items: found.items.map(toItemMessage), nextPageToken: found.nextPageToken };
    },
    async cancelJob({ jobId }, { identity }) {
      return { job: toJobMessage(await jobs.cancel(requireUser(identity), jobId)) };
    },
    async retryJob({ jobId }, { identity }) {
      return { job: toJobMessage(await jobs.retry(requireUser(identity), jobId)) };
    },
  };
}

function parseStatus(status: libraryV1.JobStatus): JobStatus | undefined {
  if (status === Status.JOB_STATUS_UNSPECIFIED) return undefined;
  for (const [name, value] of Object.entries(statuses)) {
    // The keys of `statuses` are job states.
    if (value === status) return name as JobStatus;
  }
  throw invalidArgument("INVALID_STATUS", "There is no such job status.", [
    { field: "status", description: "must be a job status" },
  ]);
}

function toJobMessage(job: Job): libraryV1.Job {
  const { id, kind, stages, done, failed, total, error, requeues, createdAt } = job;
  return {
    id,
    kind,
    status: statuses[job.status],
    progress: { done, failed, total },
    stages,
    createdAt,
    startedAt: job.startedAt ?? undefined,
    finishedAt: job.finishedAt ?? undefined,
    error,
    requeues,
  };
}

function toItemMessage({ photoId, filename, status, stages, error }: JobItem): libraryV1.JobItem {
  return {
    photoId: photoId ?? "",
    filename,
    status: statuses[status],
    stages: stages.map((stage) => ({ ...stage, status: toStageStatus(stage.status) })),
    error,
  };
}
