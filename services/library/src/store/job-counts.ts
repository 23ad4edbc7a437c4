import type { Kysely } from "kysely";
import type { JobStatus } from "../job.ts";
import type { LibraryTables } from "./tables.ts";

/** More are not counted: the index holds only what is in hand, and a look at it must stay cheap. */
const most = 10_000;

/** Jobs that are not over, by status, over all owners. */
export async function countActiveJobs(db: Kysely<LibraryTables>): Promise<ReadonlyMap<JobStatus, number>> {
  const rows = await db
    .selectFrom((from) =>
      from.selectFrom("jobs").select("status").where("finished_at", "is", null).limit(most).as("active"),
    )
    .select((from) => ["status", from.fn.countAll<number>().as("jobs")])
    .groupBy("status")
    .execute();
  return new Map(rows.map(({ status, jobs }) => [status, jobs]));
}
