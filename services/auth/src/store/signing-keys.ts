import { type Kysely, sql, type Transaction } from "kysely";
import type { AuthTables } from "./tables.ts";

/** A signing key as stored. */
export interface StoredSigningKey {
  kid: string;
  /** Public key, the `x` of its JWK. */
  x: string;
  /** Private JWK as JSON, encrypted when `encrypted`. */
  privateKey: Buffer;
  encrypted: boolean;
  status: "active" | "retired";
  createdAt: Date;
  /** From then on it signs. */
  activatesAt: Date;
  /** From then on another one signs. */
  retiredAt: Date | null;
}

/** All keys, the one that activates last first. */
export async function listSigningKeys(db: Kysely<AuthTables>): Promise<StoredSigningKey[]> {
  return db
    .selectFrom("signing_keys")
    .select([
      "kid",
      "x",
      "private_key as privateKey",
      "encrypted",
      "status",
      "created_at as createdAt",
      "activates_at as activatesAt",
      "retired_at as retiredAt",
    ])
    .orderBy("activates_at", "desc")
    .orderBy("kid")
    .execute();
}

/** Adds a key, unless it would be a second active one. */
export async function insertSigningKey(db: Kysely<AuthTables>, key: StoredSigningKey): Promise<void> {
  await db
    .insertInto("signing_keys")
    .values({
      kid: key.kid,
      x: key.x,
      private_key: key.privateKey,
      encrypted: key.encrypted,
      status: key.status,
      created_at: key.createdAt,
      activates_at: key.activatesAt,
      retired_at: key.retiredAt,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** Makes whoever replaces keys wait until the transaction that does so now has ended. */
export async function lockRotation(trx: Transaction<AuthTables>): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('ocelli.auth.signing-keys', 0))`.execute(trx);
}

/** Retires the active key: another one signs from `retiredAt` on. */
export async function retireActiveKey(trx: Transaction<AuthTables>, retiredAt: Date): Promise<void> {
  await trx
    .updateTable("signing_keys")
    .set({ status: "retired", retired_at: retiredAt })
    .where("status", "=", "active")
    .execute();
}

/** Deletes keys that were retired before a time. */
export async function deleteRetiredKeys(db: Kysely<AuthTables>, before: Date): Promise<void> {
  await db
    .deleteFrom("signing_keys")
    .where("status", "=", "retired")
    .where("retired_at", "<", before)
    .execute();
}

/** Replaces a readable private key by its encrypted form. */
export async function replacePrivateKey(db: Kysely<AuthTables>, kid: string, sealed: Buffer): Promise<void> {
  await db
    .updateTable("signing_keys")
    .set({ private_key: sealed, encrypted: true })
    .where("kid", "=", kid)
    .where("encrypted", "=", false)
    .execute();
}
