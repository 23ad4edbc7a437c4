import { type Kysely, type RawBuilder, sql } from "kysely";
import type { AuthTables } from "./tables.ts";

/** A window to count in. Windows begin at multiples of their length, so that all replicas mean the same one. */
export interface AttemptWindow {
  /** SHA-256 of what is counted. */
  key: Buffer;
  max: number;
  windowMs: number;
  at: Date;
}

// A third of a window times three is not quite one window.
const roundingTolerance = 1e-6;

/** What was counted before. */
export interface WindowCounts {
  windowStart: Date;
  count: number;
  previousCount: number;
}

/**
 * Counts an attempt if the window has room, in one statement, so that parallel callers of all replicas never pass
 * more than `max`. Attempts that find no room are not counted: whoever keeps trying is let in as soon as one who waits.
 *
 * The window slides: the count of the previous fixed window is weighted by how much of it still lies within the last
 * `windowMs`.
 */
export async function countAttempt(db: Kysely<AuthTables>, window: AttemptWindow): Promise<boolean> {
  const { start, overlap } = place(window);
  const expiresAt = new Date(start.getTime() + 2 * window.windowMs);
  const previousStart = new Date(start.getTime() - window.windowMs);
  // A replica whose clock is behind finds a later window than its own, and counts there.
  const { rows } = await sql<{ counted: boolean }>`
    insert into auth.attempt_windows as w (key, window_start, count, previous_count, expires_at)
    values (${window.key}, ${start}, 1, 0, ${expiresAt})
    on conflict (key) do update set
      window_start = greatest(w.window_start, excluded.window_start),
      expires_at = greatest(w.expires_at, excluded.expires_at),
      previous_count = case
        when w.window_start >= excluded.window_start then w.previous_count
        when w.window_start = ${previousStart}::timestamptz then w.count
        else 0 end,
      count = case when w.window_start >= excluded.window_start then w.count + 1 else 1 end
    where ${window.max + roundingTolerance}::float8 >= 1 + case
      when w.window_start >= excluded.window_start then w.count + w.previous_count * ${overlap}::float8
      when w.window_start = ${previousStart}::timestamptz then w.count * ${overlap}::float8
      else 0 end
    returning true as counted`.execute(db);
  return rows.length > 0;
}

/** What stands in a window; undefined when nothing was counted yet. */
export async function findWindow(db: Kysely<AuthTables>, key: Buffer): Promise<WindowCounts | undefined> {
  return db
    .selectFrom("attempt_windows")
    .select(["window_start as windowStart", "count", "previous_count as previousCount"])
    .where("key", "=", key)
    .executeTakeFirst();
}

/** Begin of the fixed window, and the share (0..1) of the previous one that still counts. */
function place({ at, windowMs }: Pick<AttemptWindow, "at" | "windowMs">): { start: Date; overlap: number } {
  const start = Math.floor(at.getTime() / windowMs) * windowMs;
  return { start: new Date(start), overlap: 1 - (at.getTime() - start) / windowMs };
}

/** Until when the next attempt must wait; undefined when it need not. */
export async function findBlock(
  db: Kysely<AuthTables>,
  key: Buffer,
  at: Date,
): Promise<{ blockedUntil: Date } | undefined> {
  return db
    .selectFrom("attempt_failures")
    .select("blocked_until as blockedUntil")
    .where("key", "=", key)
    .where("blocked_until", ">", at)
    .executeTakeFirst();
}

/** How failures in a row make the next attempt wait. */
export interface DelayRule {
  /** Failures that cost nothing. */
  free: number;
  longestDelayMs: number;
}

/**
 * Lets one attempt through after a wait is over, and makes the next wait as long again, in one statement: of many who
 * come at once after the wait, one gets in. False when nobody has to wait, or all still have to.
 */
export async function takeTurn(
  db: Kysely<AuthTables>,
  { key, at, ...rule }: DelayRule & { key: Buffer; at: Date },
): Promise<boolean> {
  const { rows } = await sql`
    update auth.attempt_failures set blocked_until = ${delayedFrom(at, sql`failures`, rule)}
    where key = ${key} and failures >= ${rule.free} and blocked_until <= ${at} and expires_at > ${at}
    returning true`.execute(db);
  return rows.length > 0;
}

/** One more failure in a row; from the `free`-th on, each doubles the wait, beginning with one second. */
export async function addFailure(
  db: Kysely<AuthTables>,
  { key, at, forgetAfterMs, ...rule }: DelayRule & { key: Buffer; at: Date; forgetAfterMs: number },
): Promise<void> {
  const forgottenAt = new Date(at.getTime() + forgetAfterMs);
  await sql`
    insert into auth.attempt_failures as f (key, failures, blocked_until, expires_at)
    values (${key}, 1, ${delayedFrom(at, sql`1`, rule)}, ${forgottenAt})
    on conflict (key) do update set
      failures = case when f.expires_at < ${at}::timestamptz then 1 else least(f.failures, 1000000) + 1 end,
      blocked_until = case when f.expires_at < ${at}::timestamptz then excluded.blocked_until
        else ${delayedFrom(at, sql`f.failures + 1`, rule)} end,
      expires_at = excluded.expires_at`.execute(db);
}

function delayedFrom(at: Date, failures: RawBuilder<unknown>, { free, longestDelayMs }: DelayRule) {
  // 2^20 s is beyond every longest delay, and the exponent must not overflow.
  const seconds = sql`least(${longestDelayMs / 1000}::float8, power(2, least(20, ${failures} - ${free}::int)))`;
  return sql`${at}::timestamptz + case when ${failures} < ${free}::int then interval '0' else make_interval(secs => ${seconds}) end`;
}

/** Forgets failures in a row. */
export async function clearFailures(db: Kysely<AuthTables>, key: Buffer): Promise<void> {
  await db.deleteFrom("attempt_failures").where("key", "=", key).execute();
}

/** Keeps a mark until a time. */
export async function keepMark(
  db: Kysely<AuthTables>,
  mark: { key: Buffer; at: Date; expiresAt: Date },
): Promise<void> {
  await db
    .insertInto("attempt_windows")
    .values({
      key: mark.key,
      window_start: mark.at,
      count: 1,
      previous_count: 0,
      expires_at: mark.expiresAt,
    })
    .onConflict((conflict) => conflict.column("key").doUpdateSet({ expires_at: mark.expiresAt }))
    .execute();
}

/** Whether a mark is kept. */
export async function hasMark(db: Kysely<AuthTables>, key: Buffer, at: Date): Promise<boolean> {
  const row = await db
    .selectFrom("attempt_windows")
    .select("key")
    .where("key", "=", key)
    .where("expires_at", ">", at)
    .executeTakeFirst();
  return row !== undefined;
}

/** Deletes some of what is over; replicas that do it at once take different rows. */
export async function purgeAttempts(db: Kysely<AuthTables>, at: Date, maxRows: number): Promise<void> {
  for (const table of ["attempt_windows", "attempt_failures"] as const) {
    await db
      .deleteFrom(table)
      .where("key", "in", (query) =>
        query
          .selectFrom(table)
          .select("key")
          .where("expires_at", "<", at)
          .orderBy("expires_at")
          .limit(maxRows)
          .forUpdate()
          .skipLocked(),
      )
      .execute();
  }
}
