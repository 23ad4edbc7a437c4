import { decodePageToken, encodePageToken, resolvePageSize } from "@ocelli/chassis";
import type { Kysely } from "kysely";
import { z } from "zod";
import { listOpenSessions, type SessionRow } from "./store/sessions.ts";
import type { AuthTables } from "./store/tables.ts";

/** Which page of whose sessions. */
export interface SessionPageRequest {
  userId: string;
  /** The session that asks, to be marked. */
  current: string | undefined;
  pageSize: number;
  pageToken: string;
}

/** One page of sessions. */
export interface SessionPage {
  sessions: Array<SessionRow & { current: boolean }>;
  /** Empty on the last page. */
  nextPageToken: string;
}

const pageLimits = { defaultSize: 50, maxSize: 100 };
const cursorSchema = z.object({ lastUsedAt: z.coerce.date(), id: z.uuid() });

/**
 * A user's open sessions, the one used last first.
 * @throws AppError INVALID_ARGUMENT/{INVALID_PAGE_SIZE,INVALID_PAGE_TOKEN}.
 */
export async function listSessionPage(
  { db, now, idleMs }: { db: Kysely<AuthTables>; now: () => Date; idleMs: number },
  { userId, current, pageSize, pageToken }: SessionPageRequest,
): Promise<SessionPage> {
  const listName = `sessions ${userId}`;
  const limit = resolvePageSize(pageSize, pageLimits);
  const after = decodePageToken(pageToken, cursorSchema, listName);
  const at = now();
  const open = { now: at, idleSince: new Date(at.getTime() - idleMs) };
  const rows = await listOpenSessions(db, userId, open, { limit: limit + 1, after });
  const sessions = rows.slice(0, limit).map((row) => ({ ...row, current: row.id === current }));
  const last = sessions.at(-1);
  const more = rows.length > limit && last;
  const nextPageToken = more ? encodePageToken({ lastUsedAt: last.lastUsedAt, id: last.id }, listName) : "";
  return { sessions, nextPageToken };
}
