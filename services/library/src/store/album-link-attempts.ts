import { type Kysely, sql } from "kysely";
import type { LibraryTables } from "./tables.ts";

type Store = Kysely<LibraryTables>;

/** A window to count in, which begins with its first attempt. */
export interface AttemptWindow {
  /** SHA-256 of what is counted. */
  key: Buffer;
  max: number;
  windowMs: number;
  at: Date;
}

/**
 * Counts an attempt before its outcome is known, in one statement, so that parallel guesses at all replicas never pass
 * more than `max`. @returns when the window ends, where it has no room; the attempt is not counted then.
 */
export async function takeAttempt(db: Store, window: AttemptWindow): Promise<{ fullUntil?: Date }> {
  const { key, at, max } = window;
  const endsAt = new Date(at.getTime() + window.windowMs);
  const { rows } = await sql<{ taken: boolean }>`
    insert into library.link_attempts as w (key, failures, window_ends_at) values (${key}, 1, ${endsAt})
    on conflict (key) do update set
      failures = case when w.window_ends_at <= ${at} then 1 else w.failures + 1 end,
      window_ends_at = case when w.window_ends_at <= ${at} then excluded.window_ends_at else w.window_ends_at end
    where w.window_ends_at <= ${at} or w.failures < ${max}
    returning true as taken`.execute(db);
  if (rows.length > 0) return {};
  const row = await db
    .selectFrom("link_attempts")
    .select("window_ends_at")
    .where("key", "=", key)
    .executeTakeFirst();
  return { fullUntil: row?.window_ends_at ?? at };
}

/** Takes counted attempts back: they were none to limit. */
export async function giveBackAttempts(db: Store, keys: readonly Buffer[]): Promise<void> {
  await sql`
    update library.link_attempts set failures = failures - 1
    where key = any(${[...keys]}::bytea[]) and failures > 0`.execute(db);
}

/** Deletes some windows that are over. */
export async function purgeAttempts(db: Store, at: Date, limit: number): Promise<void> {
  await sql`
    delete from library.link_attempts where key in (
      select key from library.link_attempts where window_ends_at <= ${at}
      limit ${limit} for update skip locked
    )`.execute(db);
}
