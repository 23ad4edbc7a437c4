import type { Kysely, Transaction } from "kysely";
import type { AuthTables } from "./tables.ts";

/** A service account without its secret. */
export interface StoredServiceAccount {
  id: string;
  name: string;
  scopes: string[];
  /** The one user it acts for; null for any. */
  userId: string | null;
  createdAt: Date;
  lastUsedAt: Date | null;
}

/** An account with what proves it, and what the user it acts for may do now. */
export interface PresentedServiceAccount {
  id: string;
  name: string;
  secretHash: Buffer;
  scopes: string[];
  userId: string | null;
  role: "user" | "admin" | null;
  disabledAt: Date | null;
}

const accountColumns = [
  "id",
  "name",
  "scopes",
  "user_id as userId",
  "created_at as createdAt",
  "last_used_at as lastUsedAt",
] as const;

/** How many accounts there are. */
export async function countServiceAccounts(db: Kysely<AuthTables>): Promise<number> {
  const row = await db
    .selectFrom("service_accounts")
    .select(({ fn }) => fn.countAll<string>().as("count"))
    .executeTakeFirst();
  return Number(row?.count ?? 0);
}

/** Adds an account. Undefined when the name is taken. */
export async function insertServiceAccount(
  trx: Transaction<AuthTables>,
  account: {
    id: string;
    name: string;
    secretHash: Buffer;
    scopes: readonly string[];
    userId: string | null;
    createdAt: Date;
  },
): Promise<StoredServiceAccount | undefined> {
  return trx
    .insertInto("service_accounts")
    .values({
      id: account.id,
      name: account.name,
      secret_hash: account.secretHash,
      scopes: [...account.scopes],
      user_id: account.userId,
      created_at: account.createdAt,
      last_used_at: null,
    })
    .onConflict((conflict) => conflict.column("name").doNothing())
    .returning(accountColumns)
    .executeTakeFirst();
}

/** One page of accounts, by name. */
export async function listServiceAccounts(
  db: Kysely<AuthTables>,
  page: { limit: number; after: string | undefined },
): Promise<StoredServiceAccount[]> {
  let query = db.selectFrom("service_accounts").select(accountColumns);
  if (page.after !== undefined) query = query.where("name", ">", page.after);
  return query.orderBy("name").limit(page.limit).execute();
}

/** Deletes an account; returns whom it acted for. Undefined when there is none. */
export async function deleteServiceAccount(
  trx: Transaction<AuthTables>,
  id: string,
): Promise<{ userId: string | null } | undefined> {
  return trx
    .deleteFrom("service_accounts")
    .where("id", "=", id)
    .returning("user_id as userId")
    .executeTakeFirst();
}

/** The account with this name, and the user it acts for. */
export async function findServiceAccount(
  db: Kysely<AuthTables>,
  name: string,
): Promise<PresentedServiceAccount | undefined> {
  return db
    .selectFrom("service_accounts as account")
    .leftJoin("users as user", "user.id", "account.user_id")
    .select([
      "account.id",
      "account.name",
      "account.secret_hash as secretHash",
      "account.scopes",
      "account.user_id as userId",
      "user.role",
      "user.disabled_at as disabledAt",
    ])
    .where("account.name", "=", name)
    .executeTakeFirst();
}

/** Notes the use of an account, unless one was noted since `unlessSince`. */
export async function touchServiceAccount(
  db: Kysely<AuthTables>,
  use: { id: string; at: Date; unlessSince: Date },
): Promise<void> {
  await db
    .updateTable("service_accounts")
    .set({ last_used_at: use.at })
    .where("id", "=", use.id)
    .where(({ or, eb }) => or([eb("last_used_at", "is", null), eb("last_used_at", "<", use.unlessSince)]))
    .execute();
}
