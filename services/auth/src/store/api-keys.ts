import type { Kysely, Transaction } from "kysely";
import type { AuthTables } from "./tables.ts";

/** An API key without its secret. */
export interface ApiKey {
  id: string;
  name: string;
  /** First characters of the key. */
  prefix: string;
  scopes: string[];
  createdAt: Date;
  expiresAt: Date | null;
  lastUsedAt: Date | null;
}

/** A key to store. */
export interface NewApiKey {
  id: string;
  userId: string;
  name: string;
  prefix: string;
  secretHash: Buffer;
  scopes: readonly string[];
  createdAt: Date;
  expiresAt: Date | null;
}

/** A key with what its owner may do now. */
export interface PresentedApiKey {
  id: string;
  scopes: string[];
  expiresAt: Date | null;
  userId: string;
  role: "user" | "admin";
  disabledAt: Date | null;
}

const keyColumns = [
  "id",
  "name",
  "prefix",
  "scopes",
  "created_at as createdAt",
  "expires_at as expiresAt",
  "last_used_at as lastUsedAt",
] as const;

/** How many keys a user has. */
export async function countApiKeys(db: Kysely<AuthTables>, userId: string): Promise<number> {
  const row = await db
    .selectFrom("api_keys")
    .select(({ fn }) => fn.countAll<string>().as("count"))
    .where("user_id", "=", userId)
    .executeTakeFirst();
  return Number(row?.count ?? 0);
}

/** Adds a key. */
export async function insertApiKey(trx: Transaction<AuthTables>, key: NewApiKey): Promise<ApiKey> {
  return trx
    .insertInto("api_keys")
    .values({
      id: key.id,
      user_id: key.userId,
      name: key.name,
      prefix: key.prefix,
      secret_hash: key.secretHash,
      scopes: [...key.scopes],
      created_at: key.createdAt,
      expires_at: key.expiresAt,
      last_used_at: null,
    })
    .returning(keyColumns)
    .executeTakeFirstOrThrow();
}

/** One page of a user's keys, newest first: ids sort by time. */
export async function listApiKeys(
  db: Kysely<AuthTables>,
  userId: string,
  page: { limit: number; before: string | undefined },
): Promise<ApiKey[]> {
  let query = db.selectFrom("api_keys").select(keyColumns).where("user_id", "=", userId);
  if (page.before !== undefined) query = query.where("id", "<", page.before);
  return query.orderBy("id", "desc").limit(page.limit).execute();
}

/** Deletes a key of a user; false when the user has no such key. */
export async function deleteApiKey(
  trx: Transaction<AuthTables>,
  key: { userId: string; id: string },
): Promise<boolean> {
  const deleted = await trx
    .deleteFrom("api_keys")
    .where("user_id", "=", key.userId)
    .where("id", "=", key.id)
    .returning("id")
    .executeTakeFirst();
  return deleted !== undefined;
}

/** The key with this hash, and its owner. */
export async function findApiKeyByHash(
  db: Kysely<AuthTables>,
  secretHash: Buffer,
): Promise<PresentedApiKey | undefined> {
  return db
    .selectFrom("api_keys as key")
    .innerJoin("users as user", "user.id", "key.user_id")
    .select([
      "key.id",
      "key.scopes",
      "key.expires_at as expiresAt",
      "user.id as userId",
      "user.role",
      "user.disabled_at as disabledAt",
    ])
    .where("key.secret_hash", "=", secretHash)
    .executeTakeFirst();
}

/** Notes the use of a key, unless one was noted since `unlessSince`. */
export async function touchApiKey(
  db: Kysely<AuthTables>,
  use: { id: string; at: Date; unlessSince: Date },
): Promise<void> {
  await db
    .updateTable("api_keys")
    .set({ last_used_at: use.at })
    .where("id", "=", use.id)
    .where(({ or, eb }) => or([eb("last_used_at", "is", null), eb("last_used_at", "<", use.unlessSince)]))
    .execute();
}
