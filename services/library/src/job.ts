import type { StageState } from "./photo.ts";

/** How far a job, or a photo of it, has come. */
export type JobStatus = "QUEUED" | "RUNNING" | "STALLED" | "SUCCEEDED" | "FAILED" | "CANCELLED";

/** What a job has done for a stage: nothing yet, waited for what was on its way anyhow, asked for it itself. */
export type StageAsked = "NO" | "WATCHED" | "REQUESTED";

/** `detection` for a batch of uploads. */
export type JobKind = "analysis" | "detection";

/** Work over photos. */
export interface Job {
  id: string;
  ownerId: string;
  kind: string;
  status: JobStatus;
  stages: string[];
  total: number;
  done: number;
  failed: number;
  requeues: number;
  /** Why it failed or stalled. */
  error: string;
  createdAt: Date;
  startedAt: Date | null;
  finishedAt: Date | null;
}

/** One photo of a job. */
export interface JobItem {
  position: number;
  /** Null for a refused file. */
  photoId: string | null;
  filename: string;
  status: JobStatus;
  error: string;
  stages: StageState[];
}

/** True when nothing more will happen to a job by itself. */
export function isEnded(status: JobStatus): boolean {
  return status === "SUCCEEDED" || status === "FAILED" || status === "CANCELLED";
}

/** One run of a job, as it travels in the `request_id` of events. */
export interface JobRun {
  jobId: string;
  run: number;
}

const runPattern = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/([1-9]\d{0,8})$/;

/** Writes a run as `request_id`. */
export function formatRun({ jobId, run }: JobRun): string {
  return `${jobId}/${run}`;
}

/** Reads a `request_id`; undefined for what no job wrote. */
export function parseRun(requestId: string | undefined): JobRun | undefined {
  const [, jobId, run] = runPattern.exec(requestId ?? "") ?? [];
  return jobId === undefined ? undefined : { jobId, run: Number(run) };
}

/** When a UUIDv7 was made; undefined for other ids. */
export function timeOfId(id: string): Date | undefined {
  if (id[14] !== "7") return undefined;
  return new Date(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16));
}
