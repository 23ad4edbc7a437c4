import { ConfigError, type Secret } from "@ocelli/chassis";
import {
  type CryptoKey,
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JSONWebKeySet,
  type JWK,
} from "jose";
import type { Kysely } from "kysely";
import { z } from "zod";
import { deriveKey, open, seal } from "./sealing.ts";
import {
  insertSigningKey,
  listSigningKeys,
  replacePrivateKey,
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
}

/** Settings of {@link openSigningKeys}. */
export interface SigningKeysOptions {
  db: Kysely<AuthTables>;
  /** Encrypts private keys in the store. */
  secret: Secret | undefined;
  now: () => Date;
}

// How long a replica keeps signing with a key after another replica retired it; verifiers know retired keys far longer.
const activeKeyMaxAgeMs = 60_000;

const privateJwk = z.object({
  kty: z.literal("OKP"),
  crv: z.literal("Ed25519"),
  x: z.string(),
  d: z.string(),
});
type PrivateJwk = z.infer<typeof privateJwk>;

/**
 * Opens the signing keys; makes one when there is none. Replicas that start at once agree on a single key: the store
 * accepts one active key, and all read back which one it is.
 * @throws ConfigError when the stored keys need another AUTH_KEY_SECRET than the one given.
 */
export async function openSigningKeys(options: SigningKeysOptions): Promise<SigningKeys> {
  const { db, now } = options;
  const sealingKey = options.secret
    ? deriveKey(options.secret.reveal(), "ocelli auth signing keys")
    : undefined;
  let current: (ActiveKey & { readAt: number }) | undefined;
  let reading: Promise<JSONWebKeySet> | undefined;

  async function readActive(): Promise<ActiveKey & { readAt: number }> {
    const stored = (await listSigningKeys(db)).find((key) => key.status === "active");
    if (!stored) throw new Error("the store has no active signing key");
    if (stored.kid === current?.kid) return { ...current, readAt: now().getTime() };
    return { ...(await importPrivateKey(stored, sealingKey)), readAt: now().getTime() };
  }

  async function readJwks(): Promise<JSONWebKeySet> {
    const keys = (await listSigningKeys(db)).map(({ kid, x }) => toPublicJwk(kid, x));
    return { keys };
  }

  if (!(await listSigningKeys(db)).some((key) => key.status === "active")) {
    await insertSigningKey(db, await generateKey(sealingKey, now()));
  }
  if (sealingKey) await sealReadableKeys(db, sealingKey);
  current = await readActive();

  return {
    async active() {
      if (!current || now().getTime() - current.readAt > activeKeyMaxAgeMs) current = await readActive();
      return current;
    },
    jwks() {
      // Callers that ask at once share one query: the key set is public, so anyone may ask as often as he likes.
      reading ??= readJwks().finally(() => {
        reading = undefined;
      });
      return reading;
    },
  };
}

async function generateKey(sealingKey: Buffer | undefined, createdAt: Date): Promise<StoredSigningKey> {
  const { privateKey } = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
  const jwk = privateJwk.parse(await exportJWK(privateKey));
  const kid = await calculateJwkThumbprint({ kty: jwk.kty, crv: jwk.crv, x: jwk.x });
  return { kid, x: jwk.x, status: "active", createdAt, ...storePrivateKey(kid, jwk, sealingKey) };
}

function storePrivateKey(kid: string, jwk: PrivateJwk, sealingKey: Buffer | undefined) {
  const text = JSON.stringify(jwk);
  return sealingKey
    ? { privateKey: seal(sealingKey, text, kid), encrypted: true }
    : { privateKey: Buffer.from(text), encrypted: false };
}

async function importPrivateKey(
  stored: StoredSigningKey,
  sealingKey: Buffer | undefined,
): Promise<ActiveKey> {
  const jwk = privateJwk.parse(JSON.parse(readPrivateKey(stored, sealingKey)));
  const privateKey = await importJWK(jwk, "EdDSA");
  // Only symmetric keys are imported as bytes.
  if (privateKey instanceof Uint8Array) throw new Error("the signing key is not an Ed25519 key");
  return { kid: stored.kid, privateKey };
}

function readPrivateKey(stored: StoredSigningKey, sealingKey: Buffer | undefined): string {
  if (!stored.encrypted) return stored.privateKey.toString("utf8");
  if (!sealingKey)
    throw new ConfigError(["AUTH_KEY_SECRET is required: the stored signing keys are encrypted with it"]);
  try {
    return open(sealingKey, stored.privateKey, stored.kid);
  } catch {
    throw new ConfigError([
      "AUTH_KEY_SECRET: is not the one with which the stored signing keys were encrypted",
    ]);
  }
}

async function sealReadableKeys(db: Kysely<AuthTables>, sealingKey: Buffer): Promise<void> {
  for (const key of await listSigningKeys(db)) {
    if (key.encrypted) continue;
    const sealed = seal(sealingKey, key.privateKey.toString("utf8"), key.kid);
    await replacePrivateKey(db, key.kid, sealed);
  }
}

function toPublicJwk(kid: string, x: string): JWK {
  return { kty: "OKP", crv: "Ed25519", x, kid, alg: "EdDSA", use: "sig" };
}
