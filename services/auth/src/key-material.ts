import { ConfigError } from "@ocelli/chassis";
import {
  type CryptoKey,
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
} from "jose";
import { z } from "zod";
import { open, seal } from "./sealing.ts";
import type { StoredSigningKey } from "./store/signing-keys.ts";

const privateJwk = z.object({
  kty: z.literal("OKP"),
  crv: z.literal("Ed25519"),
  x: z.string(),
  d: z.string(),
});

/** A new Ed25519 key in the form in which it is stored, encrypted when there is a key for that. */
export async function generateKey(
  sealingKey: Buffer | undefined,
  times: { createdAt: Date; activatesAt: Date },
): Promise<StoredSigningKey> {
  const { privateKey } = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
  const jwk = privateJwk.parse(await exportJWK(privateKey));
  const kid = await calculateJwkThumbprint({ kty: jwk.kty, crv: jwk.crv, x: jwk.x });
  const text = JSON.stringify(jwk);
  return {
    kid,
    x: jwk.x,
    privateKey: sealingKey ? seal(sealingKey, text, kid) : Buffer.from(text),
    encrypted: sealingKey !== undefined,
    status: "active",
    retiredAt: null,
    ...times,
  };
}

/**
 * Reads a stored private key.
 * @throws ConfigError when it is encrypted with another secret than the one given.
 */
export async function importPrivateKey(
  stored: StoredSigningKey,
  sealingKey: Buffer | undefined,
): Promise<CryptoKey> {
  const jwk = privateJwk.parse(JSON.parse(readPrivateKey(stored, sealingKey)));
  const privateKey = await importJWK(jwk, "EdDSA");
  // Only symmetric keys are imported as bytes.
  if (privateKey instanceof Uint8Array) throw new Error("the signing key is not an Ed25519 key");
  return privateKey;
}

/** The public part, as every verifier gets it. */
export function toPublicJwk({ kid, x }: Pick<StoredSigningKey, "kid" | "x">): JWK {
  return { kty: "OKP", crv: "Ed25519", x, kid, alg: "EdDSA", use: "sig" };
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
