import { type Kysely, sql, type Transaction } from "kysely";
import type { AuthTables } from "./tables.ts";

/** A session that opens. */
export interface NewSession {
  id: string;
  userId: string;
  createdAt: Date;
  /** Absolute end. */
  expiresAt: Date;
  method: string;
  address: string;
  userAgent: string;
}

/** A session as its user sees it. */
export interface SessionRow {
  id: string;
  createdAt: Date;
  lastUsedAt: Date;
  expiresAt: Date;
  address: string;
  userAgent: string;
  method: string;
}

/** The account behind a session, as far as sessions care. */
export interface SessionOwner {
  userId: string;
  name: string;
  email: string;
  role: "user" | "admin";
  passwordHash: string | null;
  disabledAt: Date | null;
}

/** Sessions that are open at a time: neither revoked, nor over, nor idle since before `idleSince`. */
export interface OpenAt {
  now: Date;
  idleSince: Date;
}

/** Where a page of sessions ended. */
export interface SessionCursor {
  lastUsedAt: Date;
  id: string;
}

/** Finds and locks the account for which a session is to open: closing the account waits, or is seen. */
export async function lockOwner(
  trx: Transaction<AuthTables>,
  userId: string,
): Promise<SessionOwner | undefined> {
  return trx
    .selectFrom("users")
    .select([
      "id as userId",
      "name",
      "email",
      "role",
      "password_hash as passwordHash",
      "disabled_at as disabledAt",
    ])
    .where("id", "=", userId)
    .forUpdate()
    .executeTakeFirst();
}

/** Adds a session. */
export async function insertSession(trx: Transaction<AuthTables>, session: NewSession): Promise<void> {
  await trx
    .insertInto("sessions")
    .values({
      id: session.id,
      user_id: session.userId,
      created_at: session.createdAt,
      last_used_at: session.createdAt,
      expires_at: session.expiresAt,
      revoked_at: null,
      revoked_reason: null,
      address: session.address,
      user_agent: session.userAgent,
      method: session.method,
    })
    .execute();
}

/** Whether an account had a session before, and whether one from this address with this user agent. */
export async function findSightings(
  trx: Transaction<AuthTables>,
  client: { userId: string; address: string; userAgent: string },
): Promise<{ any: boolean; same: boolean }> {
  const sessions = trx.selectFrom("sessions").select("id").where("user_id", "=", client.userId).limit(1);
  const any = await sessions.executeTakeFirst();
  if (!any) return { any: false, same: false };
  const same = await sessions
    .where("address", "=", client.address)
    .where("user_agent", "=", client.userAgent)
    .executeTakeFirst();
  return { any: true, same: same !== undefined };
}

/** Open sessions beyond the `keep` used last. */
export async function listSessionsBeyond(
  trx: Transaction<AuthTables>,
  userId: string,
  { now, idleSince }: OpenAt,
  keep: number,
): Promise<string[]> {
  const rows = await trx
    .selectFrom("sessions")
    .select("id")
    .where("user_id", "=", userId)
    .where("revoked_at", "is", null)
    .where("expires_at", ">", now)
    .where("last_used_at", ">", idleSince)
    .orderBy("last_used_at", "desc")
    .orderBy("id", "desc")
    .offset(keep)
    .execute();
  return rows.map((row) => row.id);
}

/** One page of a user's open sessions, the one used last first. */
export async function listOpenSessions(
  db: Kysely<AuthTables>,
  userId: string,
  { now, idleSince }: OpenAt,
  page: { limit: number; after: SessionCursor | undefined },
): Promise<SessionRow[]> {
  const { after } = page;
  let query = db
    .selectFrom("sessions")
    .select([
      "id",
      "created_at as createdAt",
      "last_used_at as lastUsedAt",
      "expires_at as expiresAt",
      "address",
      "user_agent as userAgent",
      "method",
    ])
    .where("user_id", "=", userId)
    .where("revoked_at", "is", null)
    .where("expires_at", ">", now)
    .where("last_used_at", ">", idleSince);
  if (after) {
    query = query.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("last_used_at", "id"), "<", tuple(after.lastUsedAt, after.id)),
    );
  }
  return query.orderBy("last_used_at", "desc").orderBy("id", "desc").limit(page.limit).execute();
}

/** A session, locked until the transaction ends, with its account as it was read. */
export interface LockedSession {
  sessionId: string;
  /** Absolute end. */
  expiresAt: Date;
  revokedAt: Date | null;
  userId: string;
  role: "user" | "admin";
  disabledAt: Date | null;
}

/** Finds and locks a session. */
export async function lockSession(
  trx: Transaction<AuthTables>,
  sessionId: string,
): Promise<LockedSession | undefined> {
  return trx
    .selectFrom("sessions as session")
    .innerJoin("users as user", "user.id", "session.user_id")
    .select([
      "session.id as sessionId",
      "session.expires_at as expiresAt",
      "session.revoked_at as revokedAt",
      "user.id as userId",
      "user.role",
      "user.disabled_at as disabledAt",
    ])
    .where("session.id", "=", sessionId)
    .forUpdate("session")
    .executeTakeFirst();
}

/** Notes that a session was refreshed, and from where; what is not known stays. */
export async function touchSession(
  trx: Transaction<AuthTables>,
  session: { id: string; usedAt: Date; address: string; userAgent: string },
): Promise<void> {
  await trx
    .updateTable("sessions")
    .set({
      last_used_at: session.usedAt,
      ...(session.address === "" ? {} : { address: session.address, user_agent: session.userAgent }),
    })
    .where("id", "=", session.id)
    .execute();
}

/** Which sessions of a user to end. */
export interface SessionSelection {
  userId: string;
  /** Only these. */
  ids?: readonly string[];
  /** All but this one. */
  except?: string | undefined;
}

/** Marks sessions of a user as ended; those that are over or were ended before stay as they are. */
export async function markRevoked(
  trx: Transaction<AuthTables>,
  { userId, ids, except }: SessionSelection,
  { at, reason }: { at: Date; reason: string },
): Promise<string[]> {
  let query = trx
    .updateTable("sessions")
    .set({ revoked_at: at, revoked_reason: reason })
    .where("user_id", "=", userId)
    .where("revoked_at", "is", null)
    .where("expires_at", ">", at);
  if (ids) query = query.where("id", "=", sql<string>`any(${ids}::uuid[])`);
  if (except !== undefined) query = query.where("id", "!=", except);
  const rows = await query.returning("id").execute();
  return rows.map((row) => row.id);
}

/** Forgets up to `limit` sessions, with their refresh tokens, that ended before a time. */
export async function deleteEndedSessions(
  db: Kysely<AuthTables>,
  before: Date,
  limit: number,
): Promise<number> {
  const result = await db
    .deleteFrom("sessions")
    .where("id", "in", (query) =>
      query
        .selectFrom("sessions")
        .select("id")
        .where(({ or, eb }) => or([eb("expires_at", "<", before), eb("revoked_at", "<", before)]))
        .limit(limit),
    )
    .executeTakeFirst();
  return Number(result.numDeletedRows);
}
