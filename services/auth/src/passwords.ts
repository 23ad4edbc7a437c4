import { type Options as Argon2Options, hash, verify } from "@node-rs/argon2";
import { overloaded } from "@ocelli/chassis";

/** Hashes and checks passwords with Argon2id, a bounded number at a time. */
export interface Passwords {
  /** @throws AppError RESOURCE_EXHAUSTED/TOO_MANY_LOGINS when too many wait already. */
  hash(password: string, signal?: AbortSignal): Promise<string>;
  /**
   * Whether the password belongs to the hash. Without a hash (nobody has that address, or the account has no
   * password) it does the same work and answers false.
   * @throws AppError RESOURCE_EXHAUSTED/TOO_MANY_LOGINS when too many wait already.
   */
  matches(password: string, passwordHash: string | null | undefined, signal?: AbortSignal): Promise<boolean>;
  /** Whether a hash was made at the cost of the settings; one that was not is replaced at the next login. */
  isCurrent(passwordHash: string): boolean;
}

/** Settings of {@link createPasswords}. */
export interface PasswordOptions {
  /** Memory of one hash. */
  memoryBytes: number;
  passes: number;
  /** Hashes at once. */
  concurrency: number;
  /** Hashes that may wait. */
  queue: number;
}

/** Fewest and most characters (code points) of a password. */
export const passwordLength = { min: 8, max: 128 } as const;

// How long a full queue takes to empty, about: 64 waiting, 2 at a time, 70 ms each.
const retryAfterMs = 2_000;

/**
 * Creates the hasher.
 *
 * The default cost (64 MiB, 4 passes, 1 lane) is above both the minimum of the OWASP Password Storage Cheat Sheet
 * (19 MiB, 2 passes, 1 lane: 8 ms on the machine it was measured on, too cheap) and, in passes, RFC 9106 section 4's
 * second recommended option (64 MiB, 3 passes): one check takes 65 to 80 ms there.
 */
export async function createPasswords(options: PasswordOptions): Promise<Passwords> {
  // Argon2id is the library's default algorithm; its enum exists for the type checker only.
  const cost: Argon2Options = {
    memoryCost: Math.ceil(options.memoryBytes / 1024),
    timeCost: options.passes,
    parallelism: 1,
    outputLen: 32,
  };
  const gate = createGate(options);
  const hashOfNobody = await hash(crypto.randomUUID(), cost);
  // The part of the PHC format before the salt: algorithm, version and cost.
  const costOf = (phc: string) => phc.split("$").slice(0, 4).join("$");
  const currentCost = costOf(hashOfNobody);

  return {
    hash: (password, signal) => gate(() => hash(normalizePassword(password), cost), signal),
    matches: (password, passwordHash, signal) =>
      gate(async () => {
        // Nothing longer was ever accepted, and its cost is the sender's choice: the work is done on nothing instead.
        const tooLong = codePoints(password) > passwordLength.max;
        const matches = await verify(
          passwordHash ?? hashOfNobody,
          tooLong ? "" : normalizePassword(password),
        );
        return matches && !tooLong && typeof passwordHash === "string";
      }, signal),
    isCurrent: (passwordHash) => costOf(passwordHash) === currentCost,
  };
}

/** Length in code points; a string that is surely too long is not counted. */
export function codePoints(text: string): number {
  if (text.length > 2 * passwordLength.max) return text.length;
  return [...text].length;
}

/** The same characters typed on different systems may arrive as different code points (NIST SP 800-63B, 3.1.1.2). */
export function normalizePassword(password: string): string {
  return password.normalize("NFKC");
}

type Gate = <T>(work: () => Promise<T>, signal?: AbortSignal) => Promise<T>;

/** Lets `concurrency` works run and `queue` works wait; refuses more before they cost anything. */
function createGate(options: { concurrency: number; queue: number }): Gate {
  let running = 0;
  const waiting: Array<() => void> = [];

  return async (work, signal) => {
    if (running >= options.concurrency) {
      if (waiting.length >= options.queue) {
        throw overloaded(
          "TOO_MANY_LOGINS",
          "Too many people are logging in; try again in a moment.",
          retryAfterMs,
        );
      }
      // Whoever finishes hands its place over, so that `running` stays as it is.
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else {
      running += 1;
    }
    try {
      // A caller that went away while waiting costs no hash.
      signal?.throwIfAborted();
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
