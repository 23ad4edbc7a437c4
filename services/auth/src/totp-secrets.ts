import type { Secret } from "@ocelli/chassis";
import type { Kysely } from "kysely";
import { deriveKey, open, seal } from "./sealing.ts";
import { listReadableSecrets, type StoredSecret, sealSecret } from "./store/second-factors.ts";
import type { AuthTables } from "./store/tables.ts";

/** TOTP secrets between the rules and the store. */
export interface TotpSecrets {
  /** The stored form: encrypted for this account alone, where there is a key. */
  toStored(userId: string, secret: string): StoredSecret;
  /** The secret in Base32. */
  fromStored(userId: string, stored: StoredSecret): string;
  /** Encrypts what was stored before there was a key; replicas may do it at once. */
  sealReadable(db: Kysely<AuthTables>): Promise<void>;
}

const sealedAtOnce = 500;

/** Creates them; without a secret they are stored readable. */
export function createTotpSecrets(secret: Secret | undefined): TotpSecrets {
  const key = secret && deriveKey(secret.reveal(), "ocelli auth second factors");

  return {
    toStored(userId, totpSecret) {
      return key
        ? { secret: seal(key, totpSecret, userId), encrypted: true }
        : { secret: Buffer.from(totpSecret), encrypted: false };
    },

    fromStored(userId, stored) {
      if (!stored.encrypted) return stored.secret.toString("utf8");
      if (!key) throw new Error("AUTH_KEY_SECRET is needed: second factors are encrypted with it");
      return open(key, stored.secret, userId);
    },

    async sealReadable(db) {
      if (!key) return;
      let readable = await listReadableSecrets(db, sealedAtOnce);
      while (readable.length > 0) {
        for (const { userId, secret: stored } of readable) {
          const sealed = seal(key, stored.toString("utf8"), userId);
          await sealSecret(db, { userId, readable: stored, sealed });
        }
        readable = await listReadableSecrets(db, sealedAtOnce);
      }
    },
  };
}
