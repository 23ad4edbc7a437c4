import { setting, settingTypes } from "@ocelli/chassis";

const { duration, integer } = settingTypes;

/** Settings of jobs and of what watches over stages. */
export const jobSettings = {
  maxActiveJobsPerUser: setting("MAX_ACTIVE_JOBS_PER_USER", integer(1, 10_000), {
    default: 20,
    doc: "Jobs of one user that have not ended; more are refused with TOO_MANY_JOBS.",
  }),
  jobWindow: setting("JOB_WINDOW", integer(1, 1000), {
    default: 64,
    doc: "Photos of one job asked for at once: the more, the longer photos of others wait behind a large job.",
  }),
  stageLeaseMs: setting("STAGE_LEASE", duration, {
    default: 600_000,
    defaultDoc: "10m",
    doc: "A stage of a photo that has not moved for this long, although its service is silent or has passed it over, is asked for again.",
  }),
  maxJobRequeues: setting("MAX_JOB_REQUEUES", integer(0, 100), {
    default: 3,
    doc: "How often such a stage is asked for again before it is FAILED.",
  }),
  jobSweepMs: setting("JOB_SWEEP", duration, {
    default: 15_000,
    defaultDoc: "15s",
    doc: "How often jobs and stages are looked at.",
  }),
  jobRetentionMs: setting("JOB_RETENTION", duration, {
    default: 90 * 86_400_000,
    defaultDoc: "90d",
    doc: "How long ended jobs are kept.",
  }),
};
