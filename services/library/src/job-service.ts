import type { Runtime, ServiceHost } from "@ocelli/chassis";
import { libraryV1 } from "@ocelli/contracts";
import type { LibraryConfig } from "./config.ts";
import type { FeedHints } from "./feed.ts";
import { createJobProgress, type JobProgress } from "./job-progress.ts";
import { createJobSweeper } from "./job-sweeper.ts";
import { createJobs } from "./jobs.ts";
import { measureStages, sampleJobs } from "./library-metrics.ts";
import { createJobHandlers } from "./rpc/job-handlers.ts";
import type { LibraryTables } from "./store/tables.ts";

/** What {@link openJobService} stands on. */
export interface JobServiceOptions {
  host: ServiceHost<LibraryTables>;
  config: LibraryConfig;
  runtime: Runtime;
  feed: FeedHints;
}

/** Provides JobService. `start` begins the sweeps; call it once the server listens. */
export function openJobService({ host, config, runtime, feed }: JobServiceOptions): {
  progress: JobProgress;
  start(): void;
} {
  const { database, relay, log } = host;
  const { metrics, now, newId } = runtime;
  const onStageEnd = measureStages(metrics, now);
  const progress = createJobProgress({
    database,
    relay,
    feed,
    log,
    now,
    window: config.jobWindow,
    onStageEnd,
  });
  host.onStop(metrics.onScrape(sampleJobs(metrics, database)));
  const sweeper = createJobSweeper({ database, relay, feed, progress, log, limits: config });
  const jobs = createJobs({ database, progress, newId, maxActive: config.maxActiveJobsPerUser });
  host.provide(libraryV1.JobServiceDefinition, createJobHandlers(jobs));
  host.onStop(async () => {
    await sweeper.stop();
    await progress.stop();
  });
  return { progress, start: sweeper.start };
}
