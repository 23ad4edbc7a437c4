import { type Kysely, sql, type Transaction } from "kysely";
import type { AuthTables } from "./tables.ts";
import { selectUsers, type User } from "./users.ts";

/** One page of accounts, oldest first, starting after a position. */
export interface UserPage {
  after: UserPosition | undefined;
  /** Part of the address or the name; empty matches all. */
  query: string;
  limit: number;
}

/** Where an account stands in the list. */
export interface UserPosition {
  createdAt: Date;
  id: string;
}

/** What an administrator can change of an account. */
export interface UserState {
  name: string;
  role: "user" | "admin";
  disabledAt: Date | null;
}

/** Accounts whose address or name contains something, case ignored. */
export async function listUsers(db: Kysely<AuthTables>, { after, query, limit }: UserPage): Promise<User[]> {
  let users = selectUsers(db).orderBy("users.created_at").orderBy("users.id").limit(limit);
  if (after) {
    users = users.where(
      sql<boolean>`(users.created_at, users.id) > (${after.createdAt}::timestamptz, ${after.id}::uuid)`,
    );
  }
  if (query !== "") {
    const pattern = `%${query.replace(/[\\%_]/g, "\\$&")}%`;
    users = users.where((where) =>
      where.or([where("users.email", "ilike", pattern), where("users.name", "ilike", pattern)]),
    );
  }
  return users.execute();
}

/**
 * The administrators that are not disabled, locked until the transaction ends: of two changes that would together
 * leave none, the second sees what the first has done.
 */
export async function lockAdmins(trx: Transaction<AuthTables>): Promise<string[]> {
  const rows = await trx
    .selectFrom("users")
    .select("id")
    .where("role", "=", "admin")
    .where("disabled_at", "is", null)
    .orderBy("id")
    .forUpdate()
    .execute();
  return rows.map((row) => row.id);
}

/** Whether an account is that of an administrator who is not disabled. */
export async function isActiveAdmin(db: Kysely<AuthTables>, userId: string): Promise<boolean> {
  const row = await db
    .selectFrom("users")
    .select("id")
    .where("id", "=", userId)
    .where("role", "=", "admin")
    .where("disabled_at", "is", null)
    .executeTakeFirst();
  return row !== undefined;
}

/** Finds and locks an account. */
export async function lockUser(trx: Transaction<AuthTables>, userId: string): Promise<UserState | undefined> {
  return trx
    .selectFrom("users")
    .select(["name", "role", "disabled_at as disabledAt"])
    .where("id", "=", userId)
    .forUpdate()
    .executeTakeFirst();
}

/** Writes what an administrator can change. */
export async function updateUser(
  trx: Transaction<AuthTables>,
  userId: string,
  state: UserState,
): Promise<void> {
  await trx
    .updateTable("users")
    .set({ name: state.name, role: state.role, disabled_at: state.disabledAt })
    .where("id", "=", userId)
    .execute();
}

/** Deletes an account with everything of it here; false when there is none. */
export async function deleteUser(trx: Transaction<AuthTables>, userId: string): Promise<boolean> {
  const { numDeletedRows } = await trx.deleteFrom("users").where("id", "=", userId).executeTakeFirstOrThrow();
  return numDeletedRows > 0n;
}

/** Deletes the API keys of a user and returns their ids. */
export async function deleteApiKeysOf(trx: Transaction<AuthTables>, userId: string): Promise<string[]> {
  const rows = await trx.deleteFrom("api_keys").where("user_id", "=", userId).returning("id").execute();
  return rows.map((row) => row.id);
}

/** Deletes the service accounts that may act for this user only, and returns their ids. */
export async function deleteServiceAccountsOf(
  trx: Transaction<AuthTables>,
  userId: string,
): Promise<string[]> {
  const rows = await trx
    .deleteFrom("service_accounts")
    .where("user_id", "=", userId)
    .returning("id")
    .execute();
  return rows.map((row) => row.id);
}
