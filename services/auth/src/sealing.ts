import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

const ivBytes = 12;
const tagBytes = 16;

/** Derives a 256-bit key (HKDF-SHA256) for one purpose from a secret that is itself unguessable. */
export function deriveKey(secret: string, purpose: string): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, "", purpose, 32));
}

/** Encrypts with AES-256-GCM. `context` is bound to the result: opening it elsewhere fails. */
export function seal(key: Buffer, plaintext: string, context: string): Buffer {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(context));
  const sealed = Buffer.concat([cipher.update(plaintext, "utf8"), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]);
}

/** Opens what {@link seal} made; throws when key, context or content differ. */
export function open(key: Buffer, sealed: Buffer, context: string): string {
  const tag = sealed.subarray(ivBytes, ivBytes + tagBytes);
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, ivBytes), {
    authTagLength: tagBytes,
  })
    .setAAD(Buffer.from(context))
    .setAuthTag(tag);
  const plaintext = [decipher.update(sealed.subarray(ivBytes + tagBytes)), decipher.final()];
  return Buffer.concat(plaintext).toString("utf8");
}
