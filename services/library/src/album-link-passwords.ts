import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { overloaded } from "@ocelli/chassis";
import { createPixelBudget } from "./images/pixel-budget.ts";

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

// OWASP Password Storage Cheat Sheet (2024): scrypt with N = 2^15, r = 8, p = 3 or stronger N; one lane of N = 2^15 takes
// 32 MiB and about 60 ms, which is enough in front of a secret of 256 bits.
const costLog2 = 15;
const blockSize = 8;
const parallelization = 1;
const memoryLimit = 64 * 1024 * 1024;
const keyLength = 32;
const saltLength = 16;

const atOnce = 2;
const queueLimit = 32;
const retryAfterMs = 1_000;

/** Hashes of link passwords. At most two are computed at a time: each takes 32 MiB and a thread that files need too. */
export interface LinkPasswords {
  /** @throws AppError RESOURCE_EXHAUSTED/LINKS_BUSY. */
  hash(password: string): Promise<string>;
  /** Whether the password is the one of the hash. @throws AppError RESOURCE_EXHAUSTED/LINKS_BUSY. */
  verify(password: string, hash: string): Promise<boolean>;
}

/** Creates {@link LinkPasswords}. */
export function createLinkPasswords(): LinkPasswords {
  const places = createPixelBudget({ pixels: atOnce, concurrency: atOnce, queueLimit, onFull: linksBusy });
  const bounded = <T>(work: () => Promise<T>) => places.run(1, work);

  return {
    hash: (password) =>
      bounded(async () => {
        const salt = randomBytes(saltLength);
        const key = await deriveKey(password, salt, costLog2);
        return ["scrypt", costLog2, salt.toString("base64url"), key.toString("base64url")].join("$");
      }),
    verify: (password, hash) =>
      bounded(async () => {
        const [scheme, cost, salt = "", key = ""] = hash.split("$");
        if (scheme !== "scrypt") throw new Error("the hash of a link password is of an unknown kind");
        const expected = Buffer.from(key, "base64url");
        const derived = await deriveKey(password, Buffer.from(salt, "base64url"), Number(cost));
        return expected.length === derived.length && timingSafeEqual(expected, derived);
      }),
  };
}

/** One person's keyboard composes characters, another's does not. */
function deriveKey(password: string, salt: Buffer, cost: number): Promise<Buffer> {
  return derive(password.normalize("NFC"), salt, keyLength, {
    N: 2 ** cost,
    r: blockSize,
    p: parallelization,
    maxmem: memoryLimit,
  });
}

function linksBusy() {
  return overloaded("LINKS_BUSY", "Too many links are being opened; try again in a moment.", retryAfterMs);
}
