import { z } from "@hono/zod-openapi";
import type { libraryV1 } from "@ocelli/contracts";
import { toStageView } from "./photo.ts";
import { boxSchema, stageSchema } from "./schemas.ts";

/** Names of job states. */
export const jobStatuses = ["QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "STALLED", "CANCELLED"] as const;

const statusSchema = z.enum(jobStatuses);

/** Work over photos. */
export const jobSchema = z
  .object({
    id: z.uuid(),
    kind: z.enum(["analysis", "detection"]),
    status: statusSchema,
    progress: z
      .object({ done: z.int(), failed: z.int(), total: z.int() })
      .openapi({ description: "Photos: all stages succeeded, some stage failed, all of the job." }),
    stages: z.array(z.string()),
    createdAt: z.iso.datetime(),
    startedAt: z.iso.datetime().nullable(),
    finishedAt: z.iso.datetime().nullable(),
    error: z.string().nullable().openapi({ description: "Why it failed or stalled." }),
    requeues: z.int().openapi({ description: "How often it was queued again after a stall." }),
  })
  .openapi("Job");

const itemFields = {
  photoId: z.string().nullable().openapi({ description: "`null` when the upload was refused." }),
  filename: z.string(),
  status: statusSchema,
  error: z.string().nullable().openapi({ description: "Why the upload was refused." }),
};

/** One photo of a job. */
export const jobItemSchema = z
  .object({ ...itemFields, stages: z.record(z.string(), stageSchema) })
  .openapi("JobItem");

/** One photo of a detection job. */
export const detectionItemSchema = z
  .object({
    ...itemFields,
    detections: z
      .array(z.object({ label: z.string(), confidence: z.number(), box: boxSchema }))
      .nullable()
      .openapi({ description: "`null` until they are known." }),
  })
  .openapi("DetectionItem");

/** A job as clients see it. */
export type JobView = z.infer<typeof jobSchema>;

/** A job as clients see it. */
export function toJobView(job: libraryV1.Job): JobView {
  return {
    id: job.id,
    kind: job.kind === "detection" ? "detection" : "analysis",
    status: toStatusView(job.status),
    progress: job.progress ?? { done: 0, failed: 0, total: 0 },
    stages: job.stages,
    createdAt: (job.createdAt ?? new Date(0)).toISOString(),
    startedAt: job.startedAt?.toISOString() ?? null,
    finishedAt: job.finishedAt?.toISOString() ?? null,
    error: job.error || null,
    requeues: job.requeues,
  };
}

/** What every kind of item shows. */
export function toItemFields(item: libraryV1.JobItem) {
  return {
    photoId: item.photoId || null,
    filename: item.filename,
    status: toStatusView(item.status),
    error: item.error || null,
  };
}

/** One photo of a job as clients see it. */
export function toJobItemView(item: libraryV1.JobItem): z.infer<typeof jobItemSchema> {
  const stages = Object.fromEntries(item.stages.map((stage) => [stage.stage, toStageView(stage)]));
  return { ...toItemFields(item), stages };
}

/** A status as it travels; unset without one. */
export function toStatusMessage(status: JobView["status"] | undefined): libraryV1.JobStatus {
  return status === undefined ? "JOB_STATUS_UNSPECIFIED" : `JOB_STATUS_${status}`;
}

function toStatusView(status: libraryV1.JobStatus): JobView["status"] {
  return jobStatuses.find((each) => `JOB_STATUS_${each}` === status) ?? "QUEUED";
}
