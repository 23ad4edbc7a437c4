import { type Kysely, sql, type Transaction } from "kysely";
import type { AuthTables } from "./tables.ts";

/** An account. */
export interface User {
  id: string;
  email: string;
  name: string;
  role: "user" | "admin";
  createdAt: Date;
  emailVerified: boolean;
  /** Whether an administrator closed it. */
  disabled: boolean;
  /** False for accounts that only log in through an OpenID provider. */
  hasPassword: boolean;
  twoFactorEnabled: boolean;
}

/** What proves who somebody is. */
export interface Credentials {
  userId: string;
  email: string;
  emailCanonical: string;
  name: string;
  passwordHash: string | null;
  emailVerified: boolean;
  disabled: boolean;
}

/** An account to add. */
export interface NewUser {
  id: string;
  email: string;
  emailCanonical: string;
  name: string;
  /** The first account of all is an administrator's whatever this says. */
  role: "user" | "admin";
  passwordHash: string | null;
  createdAt: Date;
  emailVerifiedAt: Date | null;
}

const emailVerified = sql<boolean>`(users.email_verified_at is not null)`.as("emailVerified");
const disabled = sql<boolean>`(users.disabled_at is not null)`.as("disabled");

/** Columns of a {@link User}, for queries and `returning` on `users`. */
const userColumns = [
  "users.id",
  "users.email",
  "users.name",
  "users.role",
  "users.created_at as createdAt",
  emailVerified,
  disabled,
  sql<boolean>`(users.password_hash is not null)`.as("hasPassword"),
  sql<boolean>`exists (select from auth.second_factors where user_id = users.id and confirmed_at is not null)`.as(
    "twoFactorEnabled",
  ),
] as const;

const credentialColumns = [
  "users.id as userId",
  "users.email",
  "users.email_canonical as emailCanonical",
  "users.name",
  "users.password_hash as passwordHash",
  emailVerified,
  disabled,
] as const;

/** The id of the account with an address. */
export async function findUserIdByEmail(
  db: Kysely<AuthTables>,
  emailCanonical: string,
): Promise<string | undefined> {
  const row = await db
    .selectFrom("users")
    .select("id")
    .where("email_canonical", "=", emailCanonical)
    .executeTakeFirst();
  return row?.id;
}

/** What a login needs to know of an address. */
export async function findCredentials(
  db: Kysely<AuthTables>,
  emailCanonical: string,
): Promise<Credentials | undefined> {
  return db
    .selectFrom("users")
    .select(credentialColumns)
    .where("email_canonical", "=", emailCanonical)
    .executeTakeFirst();
}

/** The same of an account. */
export async function findCredentialsOf(
  db: Kysely<AuthTables>,
  userId: string,
): Promise<Credentials | undefined> {
  return db.selectFrom("users").select(credentialColumns).where("id", "=", userId).executeTakeFirst();
}

/** The same, locked until the transaction ends: what is decided on it stays true until then. */
export async function lockCredentials(
  trx: Transaction<AuthTables>,
  userId: string,
): Promise<Credentials | undefined> {
  return trx
    .selectFrom("users")
    .select(credentialColumns)
    .where("id", "=", userId)
    .forUpdate()
    .executeTakeFirst();
}

/** Accounts, for queries that narrow it down. */
export function selectUsers(db: Kysely<AuthTables>) {
  return db.selectFrom("users").select(userColumns);
}

/** An account by its id. */
export async function findUser(db: Kysely<AuthTables>, userId: string): Promise<User | undefined> {
  return selectUsers(db).where("users.id", "=", userId).executeTakeFirst();
}

/** Adds an account; the first of all is an administrator. Undefined when the address has one already. */
export async function insertUser(
  trx: Transaction<AuthTables>,
  user: NewUser,
): Promise<(User & { first: boolean }) | undefined> {
  const first = await isFirstUser(trx);
  const row = await trx
    .insertInto("users")
    .values({
      id: user.id,
      email: user.email,
      email_canonical: user.emailCanonical,
      name: user.name,
      role: first ? "admin" : user.role,
      password_hash: user.passwordHash,
      created_at: user.createdAt,
      email_verified_at: user.emailVerifiedAt,
    })
    .onConflict((conflict) => conflict.column("email_canonical").doNothing())
    .returning(userColumns)
    .executeTakeFirst();
  return row && { ...row, first };
}

/** Whether there is any account yet. */
export async function anyUser(db: Kysely<AuthTables>): Promise<boolean> {
  return (await db.selectFrom("users").select("id").limit(1).executeTakeFirst()) !== undefined;
}

async function isFirstUser(trx: Transaction<AuthTables>): Promise<boolean> {
  if (await anyUser(trx)) return false;
  // Two first sign-ups at once: the second waits here until the first has committed, then sees its row.
  await sql`select pg_advisory_xact_lock(hashtextextended('ocelli.auth.first-user', 0))`.execute(trx);
  return !(await anyUser(trx));
}

/** Sets a password; one that proves the address (a link sent there) verifies it, too. */
export async function updatePassword(
  trx: Transaction<AuthTables>,
  change: { userId: string; passwordHash: string; emailVerifiedAt?: Date },
): Promise<void> {
  const { userId, passwordHash, emailVerifiedAt } = change;
  await trx
    .updateTable("users")
    .set({ password_hash: passwordHash })
    .$if(emailVerifiedAt !== undefined, (query) =>
      query.set({ email_verified_at: sql<Date>`coalesce(email_verified_at, ${emailVerifiedAt})` }),
    )
    .where("id", "=", userId)
    .execute();
}

/** Stores another hash of the same password; false when the stored one is not the given one any more. */
export async function replacePasswordHash(
  db: Kysely<AuthTables>,
  change: { userId: string; from: string; to: string },
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable("users")
    .set({ password_hash: change.to })
    .where("id", "=", change.userId)
    .where("password_hash", "=", change.from)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

/**
 * Makes a verified address the account's. False when another account has it; it is asked before, since the violated
 * index would end the transaction, and by the index again, for two at once.
 */
export async function updateEmail(
  trx: Transaction<AuthTables>,
  change: { userId: string; email: string; emailCanonical: string; verifiedAt: Date },
): Promise<boolean> {
  const owner = await findUserIdByEmail(trx, change.emailCanonical);
  if (owner !== undefined && owner !== change.userId) return false;
  await trx
    .updateTable("users")
    .set({
      email: change.email,
      email_canonical: change.emailCanonical,
      email_verified_at: change.verifiedAt,
    })
    .where("id", "=", change.userId)
    .execute();
  return true;
}

/** Marks the account's address as verified. */
export async function markEmailVerified(
  trx: Transaction<AuthTables>,
  userId: string,
  verifiedAt: Date,
): Promise<void> {
  await trx
    .updateTable("users")
    .set({ email_verified_at: verifiedAt })
    .where("id", "=", userId)
    .where("email_verified_at", "is", null)
    .execute();
}

/** Deletes every way to log in to an account but its password. */
export async function deleteLogins(
  trx: Transaction<AuthTables>,
  userId: string,
): Promise<{ apiKeyIds: string[]; hadSecondFactor: boolean }> {
  const keys = await trx.deleteFrom("api_keys").where("user_id", "=", userId).returning("id").execute();
  await trx.deleteFrom("recovery_codes").where("user_id", "=", userId).execute();
  await trx.deleteFrom("identities").where("user_id", "=", userId).execute();
  const factors = await trx
    .deleteFrom("second_factors")
    .where("user_id", "=", userId)
    .returning("confirmed_at as confirmedAt")
    .execute();
  const hadSecondFactor = factors.some((factor) => factor.confirmedAt !== null);
  return { apiKeyIds: keys.map((key) => key.id), hadSecondFactor };
}
