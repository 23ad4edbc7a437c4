import { type Kysely, sql, type Transaction } from "kysely";
import type { AuthTables } from "./tables.ts";

/** An account. */
export interface User {
  id: string;
  email: string;
  name: string;
  role: "user" | "admin";
  createdAt: Date;
}

const userColumns = ["id", "email", "name", "role", "created_at as createdAt"] as const;

/** Whether an address has an account. */
export async function emailExists(db: Kysely<AuthTables>, emailCanonical: string): Promise<boolean> {
  const row = await db
    .selectFrom("users")
    .select("id")
    .where("email_canonical", "=", emailCanonical)
    .executeTakeFirst();
  return row !== undefined;
}

/** What a login needs to know of an address. */
export async function findCredentials(
  db: Kysely<AuthTables>,
  emailCanonical: string,
): Promise<{ userId: string; passwordHash: string } | undefined> {
  return db
    .selectFrom("users")
    .select(["id as userId", "password_hash as passwordHash"])
    .where("email_canonical", "=", emailCanonical)
    .executeTakeFirst();
}

/** An account by its id. */
export async function findUser(db: Kysely<AuthTables>, userId: string): Promise<User | undefined> {
  return db.selectFrom("users").select(userColumns).where("id", "=", userId).executeTakeFirst();
}

/** Adds an account; the first of all is an administrator. Undefined when the address has one already. */
export async function insertUser(
  trx: Transaction<AuthTables>,
  user: {
    id: string;
    email: string;
    emailCanonical: string;
    name: string;
    passwordHash: string;
    createdAt: Date;
  },
): Promise<User | undefined> {
  return trx
    .insertInto("users")
    .values({
      id: user.id,
      email: user.email,
      email_canonical: user.emailCanonical,
      name: user.name,
      role: (await isFirstUser(trx)) ? "admin" : "user",
      password_hash: user.passwordHash,
      created_at: user.createdAt,
    })
    .onConflict((conflict) => conflict.column("email_canonical").doNothing())
    .returning(userColumns)
    .executeTakeFirst();
}

async function isFirstUser(trx: Transaction<AuthTables>): Promise<boolean> {
  if (await anyUser(trx)) return false;
  // Two first sign-ups at once: the second waits here until the first has committed, then sees its row.
  await sql`select pg_advisory_xact_lock(hashtextextended('ocelli.auth.first-user', 0))`.execute(trx);
  return !(await anyUser(trx));
}

async function anyUser(trx: Transaction<AuthTables>): Promise<boolean> {
  return (await trx.selectFrom("users").select("id").limit(1).executeTakeFirst()) !== undefined;
}
