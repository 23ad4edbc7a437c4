import {
  type AppError,
  appendEvent,
  type Database,
  decodePageToken,
  encodePageToken,
  failedPrecondition,
  invalidArgument,
  isDeletedOwner,
  isUuid,
  notFound,
  overloaded,
  permissionDenied,
  resolvePageSize,
} from "@ocelli/chassis";
import { events, stages as stageTree } from "@ocelli/contracts";
import type { Transaction } from "kysely";
import { z } from "zod";
import { isEnded, type Job, type JobItem, type JobStatus } from "./job.ts";
import type { JobProgress } from "./job-progress.ts";
import { type JobRequest, parseJobRequest } from "./job-request.ts";
import { cancelled } from "./job-work.ts";
import { visibleAlbum } from "./store/albums.ts";
import { cancelJob, findUnasked, reopenFailed } from "./store/job-changes.ts";
import { endItemStages } from "./store/job-ends.ts";
import { listItems } from "./store/job-items.ts";
import {
  countActive,
  findJob,
  findRequested,
  insertAlbumItems,
  insertItems,
  insertJob,
  listJobs,
  lockJob,
  lockJobsOf,
  type NewJob,
} from "./store/jobs.ts";
import type { LibraryTables } from "./store/tables.ts";

type Trx = Transaction<LibraryTables>;

/** What {@link createJobs} stands on. */
export interface JobsOptions {
  database: Database<LibraryTables>;
  progress: Pick<JobProgress, "advance" | "committed">;
  /** Makes a UUIDv7. */
  newId: () => string;
  maxActive: number;
}

/** One page as the caller asks for it. */
export interface JobPageRequest {
  /** 0 means the default. */
  pageSize: number;
  /** Empty for the first page. */
  pageToken: string;
}

/** Which jobs are asked for. */
export interface JobFilter {
  kind: string;
  status: JobStatus | undefined;
}

/** Work over photos. Unknown ids and jobs of others answer NOT_FOUND/JOB_NOT_FOUND alike. */
export interface Jobs {
  /**
   * Makes a job, or answers the one that the same request made.
   * @throws AppError INVALID_ARGUMENT/INVALID_JOB, RESOURCE_EXHAUSTED/TOO_MANY_JOBS, PERMISSION_DENIED/ACCOUNT_DELETED.
   */
  create(ownerId: string, request: JobRequest): Promise<Job>;
  get(ownerId: string, jobId: string): Promise<Job>;
  /** Newest first. */
  list(
    ownerId: string,
    filter: JobFilter,
    page: JobPageRequest,
  ): Promise<{ jobs: Job[]; nextPageToken: string }>;
  /** In the order given. */
  items(
    ownerId: string,
    jobId: string,
    page: JobPageRequest,
  ): Promise<{ items: JobItem[]; nextPageToken: string }>;
  /** @throws AppError FAILED_PRECONDITION/JOB_ENDED. */
  cancel(ownerId: string, jobId: string): Promise<Job>;
  /** @throws AppError FAILED_PRECONDITION/{JOB_RUNNING,NOTHING_FAILED}, RESOURCE_EXHAUSTED/TOO_MANY_JOBS. */
  retry(ownerId: string, jobId: string): Promise<Job>;
}

/** Photos of an album that one job takes. */
const maxAlbumPhotos = 100_000;
const jobPages = { defaultSize: 50, maxSize: 200 };
const itemPages = { defaultSize: 100, maxSize: 500 };
const tooManyRetryMs = 10_000;

/** Creates the job rules of a library. */
export function createJobs(options: JobsOptions): Jobs {
  const { database, progress, newId, maxActive } = options;
  const { db } = database;

  async function get(ownerId: string, jobId: string): Promise<Job> {
    const job = isUuid(jobId) ? await findJob(db, ownerId, jobId) : undefined;
    if (!job) throw jobNotFound();
    return job;
  }

  async function admit(trx: Trx, ownerId: string): Promise<void> {
    if ((await countActive(trx, ownerId)) < maxActive) return;
    const message = `At most ${maxActive} jobs may be under way; wait for one to end or cancel it.`;
    throw overloaded("TOO_MANY_JOBS", message, tooManyRetryMs);
  }

  async function insert(trx: Trx, job: NewJob, request: JobRequest): Promise<void> {
    await insertJob(trx, job);
    if (request.albumId !== "") {
      const album = await visibleAlbum(trx, job.ownerId, request.albumId);
      const added = album ? await insertAlbumItems(trx, job, request.albumId, maxAlbumPhotos + 1) : 0;
      if (added === 0) throw invalidJob("album_id", "names no album that holds photos of yours");
      if (added > maxAlbumPhotos) throw invalidJob("album_id", `has more than ${maxAlbumPhotos} photos`);
      return;
    }
    const wanted = new Set(request.photoIds).size;
    const unknown = wanted - (await insertItems(trx, job, request.photoIds));
    if (unknown > 0) throw invalidJob("photo_ids", `${unknown} of ${wanted} photos are unknown`);
  }

  /** Changes an owner's job, locked, and takes it on from there. */
  async function change(
    ownerId: string,
    jobId: string,
    effect: (trx: Trx, job: NonNullable<Awaited<ReturnType<typeof lockJob>>>) => Promise<void>,
  ): Promise<Job> {
    await get(ownerId, jobId);
    const step = await db.transaction().execute(async (trx) => {
      // Always in this order, as creation does.
      await lockJobsOf(trx, ownerId);
      const job = await lockJob(trx, jobId);
      if (!job) throw jobNotFound();
      await effect(trx, job);
      return progress.advance(trx, jobId, []);
    });
    progress.committed(jobId, step);
    return get(ownerId, jobId);
  }

  return {
    async create(ownerId, unchecked) {
      const request = parseJobRequest(unchecked);
      const id = newId();
      const made = await db.transaction().execute(async (trx) => {
        if (await isDeletedOwner(trx, ownerId)) throw accountDeleted();
        await lockJobsOf(trx, ownerId);
        const { requestId = id, kind, stages, onlyMissing, refused } = request;
        const earlier = await findRequested(trx, ownerId, requestId);
        if (earlier) return { job: earlier, step: undefined };
        await admit(trx, ownerId);
        await insert(trx, { id, ownerId, requestId, kind, stages, onlyMissing, refused }, request);
        return { job: undefined, step: await progress.advance(trx, id, []) };
      });
      if (made.job) return made.job;
      progress.committed(id, made.step);
      return get(ownerId, id);
    },
    get,
    async list(ownerId, { kind, status }, page) {
      const size = resolvePageSize(page.pageSize, jobPages);
      const listName = ["jobs", kind, status ?? ""];
      const after = decodePageToken(page.pageToken, z.uuid(), listName);
      const wanted = { ownerId, kind: kind || undefined, status, after, limit: size + 1 };
      const found = await listJobs(db, wanted);
      const jobs = found.slice(0, size);
      const last = found.length > size ? jobs.at(-1) : undefined;
      return { jobs, nextPageToken: last ? encodePageToken(last.id, listName) : "" };
    },
    async items(ownerId, jobId, page) {
      const { id, stages } = await get(ownerId, jobId);
      const size = resolvePageSize(page.pageSize, itemPages);
      const listName = ["job-items", id];
      const after = decodePageToken(page.pageToken, z.int32().min(0), listName) ?? 0;
      const found = await listItems(db, { ownerId, jobId: id, after, limit: size + 1 });
      const items = found.slice(0, size).map((item) => withAllStages(item, stages));
      const last = found.length > size ? items.at(-1) : undefined;
      return { items, nextPageToken: last ? encodePageToken(last.position, listName) : "" };
    },
    cancel: (ownerId, jobId) =>
      change(ownerId, jobId, async (trx, job) => {
        if (isEnded(job.status)) throw failedPrecondition("JOB_ENDED", "The job has ended already.");
        await cancelJob(trx, job.id);
        await endItemStages(trx, job.id, (await findUnasked(trx, job.id)).map(cancelled));
        const message = { jobId, ownerId, status: "CANCELLED" };
        await appendEvent(trx, { type: events.jobFinished, message });
      }),
    retry: (ownerId, jobId) =>
      change(ownerId, jobId, async (trx, job) => {
        if (!isEnded(job.status) || job.open > 0) {
          throw failedPrecondition("JOB_RUNNING", "Some of the job is still under way.");
        }
        await admit(trx, ownerId);
        if ((await reopenFailed(trx, job.id)) > 0) return;
        throw failedPrecondition("NOTHING_FAILED", "No stage of the job has failed.");
      }),
  };
}

/** In tree order; what the job did not get to has not begun. */
function withAllStages(item: JobItem, names: readonly string[]): JobItem {
  if (item.photoId === null) return { ...item, stages: [] };
  const status = item.status === "CANCELLED" ? ("SKIPPED" as const) : ("PENDING" as const);
  const stages = stageTree
    .filter(({ name }) => names.includes(name))
    .map(
      ({ name: stage }) =>
        item.stages.find((each) => each.stage === stage) ?? {
          stage,
          status,
          attempts: 0,
          error: "",
          model: "",
          ms: 0,
        },
    );
  return { ...item, stages };
}

function jobNotFound(): AppError {
  return notFound("JOB_NOT_FOUND", "There is no such job.");
}

function accountDeleted(): AppError {
  return permissionDenied("ACCOUNT_DELETED", "This account was deleted.");
}

function invalidJob(field: string, description: string): AppError {
  return invalidArgument("INVALID_JOB", `The job cannot be made: ${field} ${description}.`, [
    { field, description },
  ]);
}
