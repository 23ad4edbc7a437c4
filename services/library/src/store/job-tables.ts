import type { Generated } from "kysely";
import type { JobStatus, StageAsked } from "../job.ts";
import type { StageStatus } from "../photo.ts";

/** Tables of jobs: photos x stages. */
export interface JobTables {
  /** Locked by whoever changes anything of the job; its counts are kept with every change and never made anew. */
  jobs: {
    id: string;
    owner_id: string;
    /** From the client; one job per owner and request. */
    request_id: string;
    kind: string;
    stages: string[];
    only_missing: boolean;
    status: JobStatus;
    /** 1, and one more for every retry: what an earlier run left behind says nothing of this one. */
    run: Generated<number>;
    /** Photos. */
    total: number;
    /** Photos of which some stage has not ended. */
    open: number;
    /** Those of {@link open} whose stages were looked at and asked for. */
    in_flight: Generated<number>;
    /** Photos of which every stage succeeded. */
    done: Generated<number>;
    /** Photos that ended with a stage that failed. */
    failed: Generated<number>;
    requeues: Generated<number>;
    error: Generated<string>;
    created_at: Generated<Date>;
    started_at: Date | null;
    finished_at: Date | null;
    /** When a sweep last looked at the job. */
    swept_at: Generated<Date>;
  };
  /** One photo of a job, or a file that was refused. */
  job_items: {
    job_id: string;
    position: number;
    owner_id: string;
    /** Null for a refused file. Kept when the photo is gone. */
    photo_id: string | null;
    /** Of a refused file; what a photo is called stands with the photo. */
    filename: string;
    status: JobStatus;
    /** Stages that have not ended; 0 until the job gets to the photo. */
    open: Generated<number>;
    failed: Generated<number>;
    /** Stages that were not run because the job was cancelled. */
    skipped: Generated<number>;
    /** Why the file was refused. */
    error: Generated<string>;
  };
  /** Made when the job gets to the photo. */
  job_stages: {
    job_id: string;
    position: number;
    stage: string;
    owner_id: string;
    photo_id: string;
    asked: StageAsked;
    status: StageStatus;
    attempts: Generated<number>;
    error: Generated<string>;
    model: Generated<string>;
    ms: Generated<number>;
    requeues: Generated<number>;
    /** When it was asked for, or begun to be watched. */
    asked_at: Generated<Date>;
    started_at: Date | null;
    ended_at: Date | null;
  };
  /** How far the services have come, a few seconds late. */
  stage_progress: {
    stage: string;
    /** When the stage of any photo last ended. */
    ended_at: Date;
    /** When that was asked for: what was asked for before has been passed over, or is being tried again. */
    asked_at: Date;
  };
}
