import { type Kysely, sql } from "kysely";
import type { AuthTables } from "./tables.ts";

/** One line of the audit log. */
export interface AuditEntry {
  id: string;
  at: Date;
  /** A user's id, `service:<name>`, `operator`, or empty for a stranger. */
  actor: string;
  action: string;
  /** Account it was done to. */
  subjectUserId: string | undefined;
  /** Id of the session, key or service account in question; empty when there is none. */
  targetId: string;
  outcome: "success" | "failure";
  /** UPPER_SNAKE reason of a failure, or what changed. */
  reason: string;
  address: string;
  userAgent: string;
}

/** Which lines to list; everything absent matches all. */
export interface AuditFilter {
  /** By this user or about this user. */
  userId?: string | undefined;
  /** This action, or with a trailing `.` every action that begins so; lower-case words, hyphens and dots. */
  action?: string | undefined;
  outcome?: "success" | "failure" | undefined;
  /** From this time on. */
  from?: Date | undefined;
  /** Before this time. */
  until?: Date | undefined;
}

/** One page of lines, newest first, starting after an id. */
export interface AuditPage extends AuditFilter {
  after: string | undefined;
  limit: number;
}

const entryColumns = [
  "id",
  "at",
  "actor",
  "action",
  "subject_user_id as subjectUserId",
  "target_id as targetId",
  "outcome",
  "reason",
  "address",
  "user_agent as userAgent",
] as const;

/** Adds a line. */
export async function insertAuditEntry(db: Kysely<AuthTables>, entry: AuditEntry): Promise<void> {
  await db
    .insertInto("audit_log")
    .values({
      id: entry.id,
      at: entry.at,
      actor: entry.actor,
      action: entry.action,
      subject_user_id: entry.subjectUserId ?? null,
      target_id: entry.targetId,
      outcome: entry.outcome,
      reason: entry.reason,
      address: entry.address,
      user_agent: entry.userAgent,
    })
    .execute();
}

/** A page of lines, newest first. */
export async function listAuditEntries(db: Kysely<AuthTables>, page: AuditPage): Promise<AuditEntry[]> {
  const { userId } = page;
  const query = () => pageOf(db, page);
  // Each half reads its own index; with `or` the whole log may be read for somebody of whom there is little in it.
  const rows =
    userId === undefined
      ? await query().execute()
      : await db
          .with("about_user", () => query().where("subject_user_id", "=", userId))
          .with("by_user", () => query().where("actor", "=", userId))
          .selectFrom("about_user")
          .selectAll()
          .union((both) => both.selectFrom("by_user").selectAll())
          .orderBy("id", "desc")
          .limit(page.limit)
          .execute();
  return rows.map((row) => ({ ...row, subjectUserId: row.subjectUserId ?? undefined }));
}

/** Deletes at most `limit` lines from before a time and returns their number. The store keeps 30 days by itself. */
export async function deleteAuditEntries(
  db: Kysely<AuthTables>,
  { before, limit }: { before: Date; limit: number },
): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom("audit_log")
    .where("id", "in", (query) =>
      query
        .selectFrom("audit_log")
        .select("id")
        .where("at", "<", before)
        .where("at", "<", sql<Date>`now() - interval '30 days'`)
        .orderBy("at")
        .limit(limit),
    )
    .executeTakeFirstOrThrow();
  return Number(numDeletedRows);
}

function pageOf(db: Kysely<AuthTables>, { after, action, outcome, from, until, limit }: AuditPage) {
  let query = db.selectFrom("audit_log").select(entryColumns).orderBy("id", "desc").limit(limit);
  if (after !== undefined) query = query.where("id", "<", after);
  if (action?.endsWith(".")) query = query.where("action", "like", `${action}%`);
  else if (action !== undefined) query = query.where("action", "=", action);
  if (outcome !== undefined) query = query.where("outcome", "=", outcome);
  if (from !== undefined) query = query.where("at", ">=", from);
  if (until !== undefined) query = query.where("at", "<", until);
  return query;
}
