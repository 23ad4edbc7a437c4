import { detached, type Secret } from "@ocelli/chassis";
import type { CryptoKey, JSONWebKeySet } from "jose";
import type { Kysely } from "kysely";
import type { Actor } from "./actor.ts";
import type { AuditLog } from "./audit.ts";
import { generateKey, importPrivateKey, toPublicJwk } from "./key-material.ts";
import { deriveKey, seal } from "./sealing.ts";
import {
  deleteRetiredKeys,
  insertSigningKey,
  listSigningKeys,
  lockRotation,
  replacePrivateKey,
  retireActiveKey,
  type StoredSigningKey,
} from "./store/signing-keys.ts";
import type { AuthTables } from "./store/tables.ts";

/** The key that signs now. */
export interface ActiveKey {
  kid: string;
  privateKey: CryptoKey;
}

/** The keys with which access tokens are signed (Ed25519). */
export interface SigningKeys {
  active(): Promise<ActiveKey>;
  /** Public keys of all tokens that may still be valid, read from the store so that every replica answers alike. */
  jwks(): Promise<JSONWebKeySet>;
  /**
   * Replaces the signing key. The new one is published at once and signs once every verifier can know it; the old one
   * stays published until no token of it can be alive. While a rotation is under way, another one is the same one.
   * @returns the new key's id and when it begins to sign.
   */
  rotate(actor: Actor): Promise<{ kid: string; activatesAt: Date }>;
  /** Deletes keys of which no token can be alive. */
  purge(): Promise<void>;
}

/** Settings of {@link openSigningKeys}. */
export interface SigningKeysOptions {
  db: Kysely<AuthTables>;
  /** Encrypts private keys in the store. */
  secret: Secret | undefined;
  audit: AuditLog;
  now: () => Date;
}

// Verifiers ask for the keys again when they meet an unknown one, at most every five seconds: by the time a new key
// signs, each answer that a verifier may still go by has it.
const overlapMs = 10_000;
// How long a replica goes by what it read: it may sign with a retired key that much longer.
const maxAgeMs = 10_000;
// The longest life that AUTH_ACCESS_TOKEN_LIFETIME allows (one hour), what replicas lag behind, and some more for
// clocks that disagree.
const publishedAfterMs = 65 * 60_000;

/**
 * Opens the signing keys; makes one when there is none. Replicas that start at once agree on a single key: the store
 * accepts one active key, and all read back which one it is.
 * @throws ConfigError when the stored keys need another AUTH_KEY_SECRET than the one given.
 */
export async function openSigningKeys(options: SigningKeysOptions): Promise<SigningKeys> {
  const { db, audit, now } = options;
  const sealingKey = options.secret
    ? deriveKey(options.secret.reveal(), "ocelli auth signing keys")
    : undefined;
  let known: { keys: StoredSigningKey[]; readAt: number } | undefined;
  let imported: ActiveKey | undefined;
  let reading: Promise<JSONWebKeySet> | undefined;

  async function active(): Promise<ActiveKey> {
    const age = known ? now().getTime() - known.readAt : Number.POSITIVE_INFINITY;
    // A clock set back says nothing about how old the answer is.
    if (!known || age > maxAgeMs || age < 0) known = await read();
    const stored = signingKeyAt(known.keys, now());
    if (imported?.kid === stored.kid) return imported;
    imported = { kid: stored.kid, privateKey: await importPrivateKey(stored, sealingKey) };
    return imported;
  }

  async function read() {
    const keys = await listSigningKeys(db);
    return { keys, readAt: now().getTime() };
  }

  async function readJwks(): Promise<JSONWebKeySet> {
    const since = publishedSince(now());
    const keys = await listSigningKeys(db);
    return { keys: keys.filter((key) => !key.retiredAt || key.retiredAt >= since).map(toPublicJwk) };
  }

  await ensureActiveKey(db, sealingKey, now());
  if (sealingKey) await sealReadableKeys(db, sealingKey);
  await active();

  return {
    active,

    jwks() {
      // Callers that ask at once share one query: the key set is public, so anyone may ask as often as he likes.
      reading ??= detached(readJwks).finally(() => {
        reading = undefined;
      });
      return reading;
    },

    async rotate(actor) {
      const key = await db.transaction().execute(async (trx) => {
        await lockRotation(trx);
        const at = now();
        const pending = (await listSigningKeys(trx)).find((each) => each.status === "active");
        if (pending && pending.activatesAt > at) return pending;
        const activatesAt = new Date(at.getTime() + overlapMs);
        await retireActiveKey(trx, activatesAt);
        const fresh = await generateKey(sealingKey, { createdAt: at, activatesAt });
        await insertSigningKey(trx, fresh);
        await audit.record(trx, { actor, action: "signing-keys.rotated", targetId: fresh.kid });
        return fresh;
      });
      known = undefined;
      return { kid: key.kid, activatesAt: key.activatesAt };
    },

    purge: () => deleteRetiredKeys(db, publishedSince(now())),
  };
}

/** Of all keys that sign by now, the newest; where a clock is behind and none does yet, the oldest. */
function signingKeyAt(keys: readonly StoredSigningKey[], at: Date): StoredSigningKey {
  const key = keys.find((each) => each.activatesAt <= at) ?? keys.at(-1);
  if (!key) throw new Error("the store has no signing key");
  return key;
}

function publishedSince(at: Date): Date {
  return new Date(at.getTime() - publishedAfterMs);
}

async function ensureActiveKey(db: Kysely<AuthTables>, sealingKey: Buffer | undefined, at: Date) {
  if ((await listSigningKeys(db)).some((key) => key.status === "active")) return;
  await insertSigningKey(db, await generateKey(sealingKey, { createdAt: at, activatesAt: at }));
}

async function sealReadableKeys(db: Kysely<AuthTables>, sealingKey: Buffer): Promise<void> {
  for (const key of await listSigningKeys(db)) {
    if (key.encrypted) continue;
    const sealed = seal(sealingKey, key.privateKey.toString("utf8"), key.kid);
    await replacePrivateKey(db, key.kid, sealed);
  }
}
