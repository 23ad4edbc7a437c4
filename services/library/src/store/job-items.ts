import type { Kysely } from "kysely";
import { jsonArrayFrom } from "kysely/helpers/postgres";
import type { JobItem } from "../job.ts";
import { ownerIsThere } from "./jobs.ts";
import type { LibraryTables } from "./tables.ts";

/** Which items of a job. */
export interface ItemsPage {
  ownerId: string;
  jobId: string;
  /** Position after which the page begins. */
  after: number;
  limit: number;
}

/** A page of a job's items with their stages, in the order given; stages that the job did not get to are not there. */
export async function listItems(db: Kysely<LibraryTables>, page: ItemsPage): Promise<JobItem[]> {
  return db
    .selectFrom("job_items as i")
    .leftJoin("photos as p", (join) =>
      join.onRef("p.id", "=", "i.photo_id").onRef("p.owner_id", "=", "i.owner_id"),
    )
    .select(["i.position", "i.photo_id as photoId", "i.status", "i.error"])
    .select(({ fn }) => fn.coalesce("p.filename", "i.filename").as("filename"))
    .select((from) =>
      jsonArrayFrom(
        from
          .selectFrom("job_stages as s")
          .select(["s.stage", "s.status", "s.attempts", "s.error", "s.model", "s.ms"])
          .whereRef("s.job_id", "=", "i.job_id")
          .whereRef("s.position", "=", "i.position"),
      ).as("stages"),
    )
    .where("i.job_id", "=", page.jobId)
    .where("i.owner_id", "=", page.ownerId)
    .where(ownerIsThere(page.ownerId))
    .where("i.position", ">", page.after)
    .orderBy("i.position")
    .limit(page.limit)
    .execute();
}
