import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from "node:crypto";

/** A signing secret as it is stored. */
export interface StoredSecret {
  secret: Buffer;
  sealed: boolean;
}

/** Keeps signing secrets. */
export interface SecretKeeper {
  /** `context` is what the secret belongs to; it opens nowhere else. */
  seal(key: Buffer, context: string): StoredSecret;
  /** @throws Error when the secret was sealed with another key than this process has. */
  open(stored: StoredSecret, context: string): Buffer;
}

const prefix = "whsec_";
const secretBytes = 32;
const ivBytes = 12;
const tagBytes = 16;

/** A fresh key of 256 random bits. */
export function newWebhookKey(): Buffer {
  return randomBytes(secretBytes);
}

/** The key as receivers are given it: `whsec_` and base64, which libraries for Standard Webhooks take as it is. */
export function showWebhookKey(key: Buffer): string {
  return prefix + key.toString("base64");
}

/**
 * Headers of a message as https://www.standardwebhooks.com has them: HMAC-SHA256 over `id.timestamp.body`. The time,
 * in Unix seconds, lets receivers refuse what somebody recorded and sends again; the id, the same in each attempt, what
 * they have already.
 */
export function signatureHeaders(key: Buffer, id: string, at: Date, body: string): Record<string, string> {
  const timestamp = String(Math.floor(at.getTime() / 1000));
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
  return {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": `v1,${signature}`,
  };
}

/** Encrypts with AES-256-GCM under a key derived from the installation's secret; without one, keeps keys as they are. */
export function createSecretKeeper(installationSecret: string | undefined): SecretKeeper {
  const sealingKey =
    installationSecret === undefined
      ? undefined
      : Buffer.from(hkdfSync("sha256", installationSecret, "", "ocelli webhook secrets v1", 32));
  return {
    seal(key, context) {
      if (!sealingKey) return { secret: key, sealed: false };
      const iv = randomBytes(ivBytes);
      const cipher = createCipheriv("aes-256-gcm", sealingKey, iv).setAAD(Buffer.from(context));
      const sealed = Buffer.concat([cipher.update(key), cipher.final()]);
      return { secret: Buffer.concat([iv, cipher.getAuthTag(), sealed]), sealed: true };
    },
    open({ secret, sealed }, context) {
      if (!sealed) return secret;
      if (!sealingKey) throw new Error("the secret was sealed; LIBRARY_KEY_SECRET is not set");
      const options = { authTagLength: tagBytes };
      const decipher = createDecipheriv("aes-256-gcm", sealingKey, secret.subarray(0, ivBytes), options)
        .setAAD(Buffer.from(context))
        .setAuthTag(secret.subarray(ivBytes, ivBytes + tagBytes));
      return Buffer.concat([decipher.update(secret.subarray(ivBytes + tagBytes)), decipher.final()]);
    },
  };
}
