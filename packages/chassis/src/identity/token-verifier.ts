import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from "jose";
import { z } from "zod";
import { AppError } from "../errors/app-error.ts";
import { unauthenticated } from "../errors/errors.ts";
import type { Identity } from "./identity.ts";

/** Verifies access tokens with cached public keys. */
export interface TokenVerifier {
  /** @throws AppError UNAUTHENTICATED/{TOKEN_EXPIRED,INVALID_TOKEN}. */
  verify(token: string): Promise<KnownIdentity>;
}

type KnownIdentity = Exclude<Identity, { kind: "anonymous" }>;

/** A token whose signature was good, in epoch milliseconds. */
interface Verified {
  identity: KnownIdentity;
  from: number;
  until: number;
}

/** Settings of {@link createTokenVerifier}. */
export interface TokenVerifierOptions {
  /** Fetches the key set from the auth service. */
  fetchJwks: () => Promise<JSONWebKeySet>;
  issuer: string;
  audience: string;
  now: () => Date;
}

// Keys are fetched again after this long, or at once for an unknown key id, but never more often than the second figure.
// Keys already known stay in force while the auth service cannot be reached: it alone could have replaced them.
const jwksMaxAgeMs = 10 * 60_000;
const jwksMinAgeMs = 5_000;
const maxTokenLength = 4096;
// A client sends the same token with every request, and each service on the way checks it: the signature, the costly
// part, is checked once per token and span, and again after the keys were fetched.
const verifiedMaxAgeMs = 30_000;
const maxVerified = 2_000;

const userClaims = z.object({ sub: z.uuid(), sid: z.uuid() });
const serviceClaims = z.object({ sub: z.string().regex(/^service:[a-z][a-z-]{0,40}$/) });

/** Creates a verifier; keys are fetched at the first use. The algorithm is pinned, whatever the token's header says. */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const verified = new Map<string, Verified>();
  let keys: ReturnType<typeof createLocalJWKSet> | undefined;
  let fetchedAt = Number.NEGATIVE_INFINITY;
  let triedAt = Number.NEGATIVE_INFINITY;
  let fetching: Promise<void> | undefined;

  const since = (time: number) => options.now().getTime() - time;

  const keysAreDue = () => since(fetchedAt) > jwksMaxAgeMs && since(triedAt) > jwksMinAgeMs;

  async function fetchKeys(): Promise<void> {
    try {
      triedAt = options.now().getTime();
      keys = createLocalJWKSet(await options.fetchJwks());
      verified.clear();
      fetchedAt = options.now().getTime();
    } catch (error) {
      if (!keys) throw error;
    } finally {
      fetching = undefined;
    }
  }

  function refresh(): Promise<void> {
    fetching ??= fetchKeys();
    return fetching;
  }

  async function check(token: string): Promise<JWTPayload> {
    if (!keys || keysAreDue()) await refresh();
    if (!keys) throw invalidToken();
    const { payload } = await jwtVerify(token, keys, {
      algorithms: ["EdDSA"],
      issuer: options.issuer,
      audience: options.audience,
      currentDate: options.now(),
      requiredClaims: ["exp", "sub"],
    });
    return payload;
  }

  async function verifyAndKeep(token: string): Promise<KnownIdentity> {
    const payload = await check(token);
    const identity = toIdentity(payload);
    const now = options.now().getTime();
    const until = Math.min(now + verifiedMaxAgeMs, (payload.exp ?? 0) * 1000);
    if (verified.size >= maxVerified) verified.clear();
    verified.set(token, { identity, from: now, until });
    return identity;
  }

  return {
    async verify(token) {
      if (token.length > maxTokenLength) throw invalidToken();
      const known = verified.get(token);
      const now = options.now().getTime();
      // A clock set back proves nothing about tokens checked before.
      if (known && now >= known.from && now < known.until && !keysAreDue()) return known.identity;
      verified.delete(token);
      try {
        return await verifyAndKeep(token);
      } catch (error) {
        const mayBeNewKey =
          error instanceof errors.JWKSNoMatchingKey &&
          (fetching !== undefined || since(triedAt) > jwksMinAgeMs);
        if (!mayBeNewKey) throw toAppError(error);
      }
      await refresh();
      return verifyAndKeep(token).catch((error) => Promise.reject(toAppError(error)));
    },
  };
}

function toIdentity(payload: JWTPayload): KnownIdentity {
  const service = serviceClaims.safeParse(payload);
  if (service.success) {
    return { kind: "service", service: service.data.sub.slice("service:".length), userId: undefined };
  }
  const user = userClaims.safeParse(payload);
  if (!user.success) throw invalidToken();
  return { kind: "user", userId: user.data.sub, sessionId: user.data.sid };
}

function invalidToken(): AppError {
  return unauthenticated("INVALID_TOKEN", "The access token is not valid.");
}

function toAppError(error: unknown): AppError {
  if (error instanceof errors.JWTExpired)
    return unauthenticated("TOKEN_EXPIRED", "The access token has expired.");
  if (error instanceof errors.JOSEError) return invalidToken();
  return AppError.from(error);
}
