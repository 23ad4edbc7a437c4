import type { Kysely, Transaction } from "kysely";
import type { AuthTables } from "./tables.ts";

/** A TOTP secret as stored. */
export interface StoredSecret {
  secret: Buffer;
  encrypted: boolean;
}

/** The second factor of an account. */
export interface StoredSecondFactor extends StoredSecret {
  createdAt: Date;
  /** Null until the first code was right. */
  confirmedAt: Date | null;
}

/** The second factor of an account, confirmed or not; locked within a transaction where asked. */
export async function findSecondFactor(
  db: Kysely<AuthTables>,
  userId: string,
  { lock = false }: { lock?: boolean } = {},
): Promise<StoredSecondFactor | undefined> {
  return db
    .selectFrom("second_factors")
    .select(["secret", "encrypted", "created_at as createdAt", "confirmed_at as confirmedAt"])
    .where("user_id", "=", userId)
    .$if(lock, (query) => query.forUpdate())
    .executeTakeFirst();
}

/** Keeps the secret of an enrolment, in place of one that was not confirmed. False when there is a confirmed one. */
export async function putEnrolment(
  db: Kysely<AuthTables>,
  enrolment: StoredSecret & { userId: string; createdAt: Date },
): Promise<boolean> {
  const values = {
    secret: enrolment.secret,
    encrypted: enrolment.encrypted,
    created_at: enrolment.createdAt,
  };
  const row = await db
    .insertInto("second_factors")
    .values({ user_id: enrolment.userId, ...values, confirmed_at: null, last_step: null })
    .onConflict((conflict) =>
      conflict.column("user_id").doUpdateSet(values).where("second_factors.confirmed_at", "is", null),
    )
    .returning("user_id")
    .executeTakeFirst();
  return row !== undefined;
}

/**
 * Confirms an enrolment with the step of its first code. False when it is confirmed already, or another was begun
 * since its secret was read.
 */
export async function confirmEnrolment(
  trx: Transaction<AuthTables>,
  enrolment: { userId: string; secret: Buffer; step: number; confirmedAt: Date },
): Promise<boolean> {
  const row = await trx
    .updateTable("second_factors")
    .set({ confirmed_at: enrolment.confirmedAt, last_step: enrolment.step })
    .where("user_id", "=", enrolment.userId)
    .where("secret", "=", enrolment.secret)
    .where("confirmed_at", "is", null)
    .returning("user_id")
    .executeTakeFirst();
  return row !== undefined;
}

/** Uses up a time step and all before it: of any number of callers with one code, on any replica, one gets true. */
export async function useStep(
  db: Kysely<AuthTables>,
  use: { userId: string; secret: Buffer; step: number },
): Promise<boolean> {
  const row = await db
    .updateTable("second_factors")
    .set({ last_step: use.step })
    .where("user_id", "=", use.userId)
    .where("secret", "=", use.secret)
    .where("confirmed_at", "is not", null)
    .where("last_step", "<", sqlNumber(use.step))
    .returning("user_id")
    .executeTakeFirst();
  return row !== undefined;
}

/** The column is read as text or number, depending on the driver, and compared as what Postgres has. */
function sqlNumber(value: number): string {
  return String(value);
}

/** Removes the second factor with its recovery codes. False when there was none that was confirmed. */
export async function deleteSecondFactor(trx: Transaction<AuthTables>, userId: string): Promise<boolean> {
  const row = await trx
    .deleteFrom("second_factors")
    .where("user_id", "=", userId)
    .where("confirmed_at", "is not", null)
    .returning("user_id")
    .executeTakeFirst();
  if (row) await trx.deleteFrom("recovery_codes").where("user_id", "=", userId).execute();
  return row !== undefined;
}

/** Puts recovery codes in place of all there were. */
export async function replaceRecoveryCodes(
  trx: Transaction<AuthTables>,
  userId: string,
  codeHashes: readonly Buffer[],
): Promise<void> {
  await trx.deleteFrom("recovery_codes").where("user_id", "=", userId).execute();
  await trx
    .insertInto("recovery_codes")
    .values(codeHashes.map((hash) => ({ user_id: userId, code_hash: hash })))
    .execute();
}

/** Uses up a recovery code: of any number of callers with the same one gets true. */
export async function useRecoveryCode(
  trx: Transaction<AuthTables>,
  userId: string,
  codeHash: Buffer,
): Promise<boolean> {
  const row = await trx
    .deleteFrom("recovery_codes")
    .where("user_id", "=", userId)
    .where("code_hash", "=", codeHash)
    .returning("user_id")
    .executeTakeFirst();
  return row !== undefined;
}

/** How many recovery codes are left. */
export async function countRecoveryCodes(db: Kysely<AuthTables>, userId: string): Promise<number> {
  const { count } = await db
    .selectFrom("recovery_codes")
    .select((query) => query.fn.countAll().as("count"))
    .where("user_id", "=", userId)
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** Secrets stored in the clear, some at a time. */
export async function listReadableSecrets(
  db: Kysely<AuthTables>,
  limit: number,
): Promise<Array<{ userId: string; secret: Buffer }>> {
  return db
    .selectFrom("second_factors")
    .select(["user_id as userId", "secret"])
    .where("encrypted", "=", false)
    .orderBy("user_id")
    .limit(limit)
    .execute();
}

/** Puts the encrypted form of a secret in its place, unless it changed meanwhile. */
export async function sealSecret(
  db: Kysely<AuthTables>,
  change: { userId: string; readable: Buffer; sealed: Buffer },
): Promise<void> {
  await db
    .updateTable("second_factors")
    .set({ secret: change.sealed, encrypted: true })
    .where("user_id", "=", change.userId)
    .where("secret", "=", change.readable)
    .where("encrypted", "=", false)
    .execute();
}

/** When a session was opened; undefined for a session that is over or not the user's. */
export async function findSessionOpenedAt(
  db: Kysely<AuthTables>,
  session: { id: string; userId: string },
): Promise<Date | undefined> {
  const row = await db
    .selectFrom("sessions")
    .select("created_at as openedAt")
    .where("id", "=", session.id)
    .where("user_id", "=", session.userId)
    .where("revoked_at", "is", null)
    .executeTakeFirst();
  return row?.openedAt;
}

/** Whether an account has a password; undefined when there is no such account. */
export async function hasPassword(db: Kysely<AuthTables>, userId: string): Promise<boolean | undefined> {
  const row = await db
    .selectFrom("users")
    .select((query) => query("password_hash", "is not", null).as("has"))
    .where("id", "=", userId)
    .executeTakeFirst();
  return row && Boolean(row.has);
}
