import type { Kysely } from "kysely";
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
}

/** All keys, newest first. */
export async function listSigningKeys(db: Kysely<AuthTables>): Promise<StoredSigningKey[]> {
  return db
    .selectFrom("signing_keys")
    .select(["kid", "x", "private_key as privateKey", "encrypted", "status", "created_at as createdAt"])
    .orderBy("created_at", "desc")
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
    })
    .onConflict((conflict) => conflict.doNothing())
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
