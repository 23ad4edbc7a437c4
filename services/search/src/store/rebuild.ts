import { type Kysely, type Selectable, sql } from "kysely";
import type { RebuildPhase, RebuildTables } from "./rebuild-tables.ts";
import type { SearchTables } from "./tables.ts";

/** How a rebuild goes. */
export type RebuildRow = Selectable<RebuildTables["rebuild"]>;

/** The last rebuild. The one table here without owners: it is about the whole index. */
export async function findRebuild(db: Kysely<SearchTables>): Promise<RebuildRow | undefined> {
  return db.selectFrom("rebuild").selectAll().executeTakeFirst();
}

/** Begins one; undefined while another runs. */
export async function beginRebuild(db: Kysely<SearchTables>, now: Date): Promise<RebuildRow | undefined> {
  const fresh = {
    started_at: now,
    finished_at: null,
    phase: "albums" as const,
    page_token: "",
    documents: 0,
    removed: 0,
    error: "",
    worker: null,
    worker_until: null,
  };
  return db
    .insertInto("rebuild")
    .values({ id: 1, ...fresh })
    .onConflict((conflict) =>
      conflict.column("id").doUpdateSet(fresh).where("rebuild.finished_at", "is not", null),
    )
    .returningAll()
    .executeTakeFirst();
}

/** The rebuild that runs, for this replica alone until its lease ends; undefined when there is nothing to do. */
export async function leaseRebuild(
  db: Kysely<SearchTables>,
  worker: string,
  leaseMs: number,
): Promise<RebuildRow | undefined> {
  const { rows } = await sql<RebuildRow>`
    update search.rebuild
    set worker = ${worker}, worker_until = now() + ${leaseMs} * interval '1 millisecond'
    where finished_at is null and (worker is null or worker = ${worker} or worker_until < now())
    returning *`.execute(db);
  return rows[0];
}

/** Gives the lease back. */
export async function releaseRebuild(db: Kysely<SearchTables>, worker: string): Promise<void> {
  await db
    .updateTable("rebuild")
    .set({ worker: null, worker_until: null })
    .where("worker", "=", worker)
    .execute();
}

/** What a page of a rebuild came to. */
export interface RebuildStep {
  documents?: number;
  removed?: number;
  phase?: RebuildPhase;
  pageToken?: string;
  finishedAt?: Date;
  error?: string;
}

/** Writes down how far it has come, unless another replica has taken it over. */
export async function advanceRebuild(
  db: Kysely<SearchTables>,
  worker: string,
  step: RebuildStep,
): Promise<void> {
  await db
    .updateTable("rebuild")
    .set((eb) => ({
      documents: eb("documents", "+", step.documents ?? 0),
      removed: eb("removed", "+", step.removed ?? 0),
      ...(step.phase === undefined ? {} : { phase: step.phase }),
      ...(step.pageToken === undefined ? {} : { page_token: step.pageToken }),
      ...(step.finishedAt === undefined ? {} : { finished_at: step.finishedAt }),
      ...(step.error === undefined ? {} : { error: step.error }),
    }))
    .where("worker", "=", worker)
    .execute();
}

/** Documents that a rebuild did not come across, some at a time by id. Across owners. */
export async function findUnseen(
  db: Kysely<SearchTables>,
  { startedAt, after, limit }: { startedAt: Date; after: string; limit: number },
): Promise<{ photoId: string; ownerId: string; sha256: string }[]> {
  return db
    .selectFrom("documents")
    .select(["photo_id as photoId", "owner_id as ownerId", "sha256"])
    .where("deleted", "=", false)
    .where((eb) => eb.or([eb("rebuilt_at", "is", null), eb("rebuilt_at", "<", startedAt)]))
    .where("photo_id", ">", after)
    .orderBy("photo_id")
    .limit(limit)
    .execute();
}

/** Owners with documents or persons, some at a time by id. */
export async function listOwners(
  db: Kysely<SearchTables>,
  { after, limit }: { after: string; limit: number },
): Promise<string[]> {
  const { rows } = await sql<{ ownerId: string }>`
    select owner_id as "ownerId" from search.documents where not deleted and owner_id > ${after}
    union
    select owner_id from search.people where not deleted and owner_id > ${after}
    order by 1 limit ${limit}`.execute(db);
  return rows.map(({ ownerId }) => ownerId);
}
