import { createHash } from "node:crypto";
import { AppError, type CallOrigin, type Revocations, unauthenticated } from "@ocelli/chassis";
import type { authV1 } from "@ocelli/contracts";
import { Status } from "nice-grpc";

/** Access tokens for API keys. */
export interface ApiKeyTokens {
  /**
   * A current access token of a key's owner, with the key's scopes.
   * @throws AppError UNAUTHENTICATED/INVALID_API_KEY, and what the auth service throws.
   */
  tokenFor(apiKey: string, origin: CallOrigin): Promise<string>;
}

/** What {@link createApiKeyTokens} needs. */
export interface ApiKeyTokensOptions {
  readonly exchange: (apiKey: string, origin: CallOrigin) => Promise<authV1.ExchangeApiKeyResponse>;
  readonly revocations: Pick<Revocations, "isRevoked">;
  /** Runs before the auth service is asked; throws to refuse. */
  readonly admit: (origin: CallOrigin) => void;
  /** Counts a key that is none. */
  readonly onRefused: (origin: CallOrigin) => void;
  readonly now: () => Date;
  /** Most keys remembered, and most refused ones. */
  readonly maxKept?: number;
}

interface Exchanged {
  token: string;
  apiKeyId: string;
  /** Epoch milliseconds. */
  until: number;
}

// A token must not expire on its way through the services.
const marginMs = 30_000;
// Long enough for a client that tries in a loop not to be felt by the auth service.
const refusedMs = 3_000;
const defaultMaxKept = 10_000;
const keyPattern = /^ocelli_ak_[A-Za-z0-9_-]{43}$/;

/**
 * Exchanges each key once per lifetime of its token, and only once at a time. Keys are remembered by their SHA-256, so
 * that none can be found in this process's memory.
 */
export function createApiKeyTokens(options: ApiKeyTokensOptions): ApiKeyTokens {
  const maxKept = options.maxKept ?? defaultMaxKept;
  // In the order of their last use.
  const exchanged = new Map<string, Exchanged>();
  const refused = new Map<string, number>();
  const pending = new Map<string, Promise<Exchanged>>();

  function refuse(hash: string): AppError {
    keep(refused, hash, options.now().getTime() + refusedMs, maxKept);
    return invalidApiKey();
  }

  function known(hash: string): Exchanged | undefined {
    const now = options.now().getTime();
    if ((refused.get(hash) ?? 0) > now) throw invalidApiKey();
    refused.delete(hash);
    const found = exchanged.get(hash);
    if (!found || found.until > now) return found;
    exchanged.delete(hash);
    return undefined;
  }

  async function exchange(hash: string, apiKey: string, origin: CallOrigin): Promise<Exchanged> {
    try {
      const answer = await options.exchange(apiKey, origin);
      const until = options.now().getTime() + Math.max(answer.expiresIn * 1000 - marginMs, 1000);
      return { token: answer.accessToken, apiKeyId: answer.apiKeyId, until };
    } catch (error) {
      const appError = AppError.from(error);
      if (appError.code !== Status.UNAUTHENTICATED) throw appError;
      options.onRefused(origin);
      throw refuse(hash);
    } finally {
      pending.delete(hash);
    }
  }

  function exchangeOnce(hash: string, apiKey: string, origin: CallOrigin): Promise<Exchanged> {
    const running = pending.get(hash);
    if (running) return running;
    options.admit(origin);
    const started = exchange(hash, apiKey, origin);
    pending.set(hash, started);
    return started;
  }

  return {
    async tokenFor(apiKey, origin) {
      if (!keyPattern.test(apiKey)) {
        options.onRefused(origin);
        throw invalidApiKey();
      }
      const hash = createHash("sha256").update(apiKey).digest("base64");
      const found = known(hash) ?? (await exchangeOnce(hash, apiKey, origin));
      // Asked at every use: the key may have been revoked since, or while it was exchanged.
      if (options.revocations.isRevoked(found.apiKeyId)) {
        exchanged.delete(hash);
        throw refuse(hash);
      }
      keep(exchanged, hash, found, maxKept);
      return found.token;
    },
  };
}

/** Puts an entry last and drops the first when there are too many. */
function keep<T>(entries: Map<string, T>, key: string, value: T, max: number): void {
  entries.delete(key);
  entries.set(key, value);
  if (entries.size <= max) return;
  for (const oldest of entries.keys()) {
    entries.delete(oldest);
    return;
  }
}

function invalidApiKey(): AppError {
  return unauthenticated("INVALID_API_KEY", "The API key is not valid.");
}
