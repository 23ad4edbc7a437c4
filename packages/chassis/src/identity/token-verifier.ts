import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from "jose";
import { z } from "zod";
import { AppError } from "../errors/app-error.ts";
import { unauthenticated } from "../errors/errors.ts";
import type { Identity } from "./identity.ts";
import type { Revocations } from "./revocations.ts";

/** Verifies access tokens with cached public keys. */
export interface TokenVerifier {
  /** @throws AppError UNAUTHENTICATED/{TOKEN_EXPIRED,TOKEN_REVOKED,INVALID_TOKEN}. */
  verify(token: string): Promise<KnownIdentity>;
}

/** Anybody but nobody. */
export type KnownIdentity = Exclude<Identity, { kind: "anonymous" }>;

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
  /** Grants whose tokens are refused before they expire. */
  revocations: Pick<Revocations, "isRevoked">;
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

const scope = z
  .string()
  .max(500)
  .transform((text) => new Set(text.split(" ").filter((each) => each !== "")));
// A token rests on a session (`sid`, as OpenID Connect names it), an API key or a service account, never on two.
const userClaims = z.union([
  z.object({ sub: z.uuid(), sid: z.uuid(), key: z.undefined().optional(), scope }),
  z.object({ sub: z.uuid(), sid: z.undefined().optional(), key: z.uuid(), scope }),
]);
const serviceName = z
  .string()
  .regex(/^service:[a-z][a-z0-9-]{0,39}$/)
  .transform((sub) => sub.slice("service:".length));
const serviceClaims = z.union([
  z.object({ sub: serviceName, scope: z.literal("service"), account: z.undefined().optional() }),
  z.object({ sub: serviceName, scope, account: z.uuid(), act_for: z.uuid().optional() }),
]);

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
      // RFC 9068 section 4: a token of another kind, signed with the same key, is no access token.
      typ: "at+jwt",
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

  async function verifyOrFetch(token: string): Promise<KnownIdentity> {
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
  }

  async function identify(token: string): Promise<KnownIdentity> {
    if (token.length > maxTokenLength) throw invalidToken();
    const known = verified.get(token);
    const now = options.now().getTime();
    // A clock set back proves nothing about tokens checked before.
    if (known && now >= known.from && now < known.until && !keysAreDue()) return known.identity;
    verified.delete(token);
    return verifyOrFetch(token);
  }

  return {
    async verify(token) {
      const identity = await identify(token);
      const grantId = identity.kind === "user" ? identity.grant.id : identity.grantId;
      if (grantId !== undefined && options.revocations.isRevoked(grantId)) {
        throw unauthenticated("TOKEN_REVOKED", "The access was ended; log in again.");
      }
      return identity;
    },
  };
}

function toIdentity(payload: JWTPayload): KnownIdentity {
  const service = serviceClaims.safeParse(payload);
  if (service.success) return toServiceIdentity(service.data);
  const user = userClaims.safeParse(payload);
  if (!user.success) throw invalidToken();
  const { sub, sid, key, scope: scopes } = user.data;
  const grant =
    sid === undefined ? ({ kind: "api-key", id: key } as const) : ({ kind: "session", id: sid } as const);
  return { kind: "user", userId: sub, grant, scopes };
}

function toServiceIdentity(claims: z.infer<typeof serviceClaims>): KnownIdentity {
  const common = { kind: "service", service: claims.sub, userId: undefined } as const;
  if (claims.account === undefined) return { ...common, internal: true, scopes: new Set() };
  const onlyUser = claims.act_for === undefined ? {} : { onlyUserId: claims.act_for };
  return { ...common, internal: false, scopes: claims.scope, grantId: claims.account, ...onlyUser };
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
