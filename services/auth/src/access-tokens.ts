import { type Scope, scopes } from "@ocelli/contracts";
import { SignJWT } from "jose";
import type { SigningKeys } from "./signing-keys.ts";

/** An access token with its lifetime. */
export interface IssuedAccessToken {
  accessToken: string;
  /** Seconds. */
  expiresIn: number;
}

/**
 * Signs access tokens: EdDSA JWTs of type `at+jwt` (RFC 9068). Each names the one grant it rests on (`sid`, `key` or
 * `account`), so that revoking the grant ends it; tokens of Ocelli's own services rest on their settings alone.
 */
export interface AccessTokens {
  /** For a session; its scopes follow from the role. */
  forUser(user: { userId: string; sessionId: string; role: string }): Promise<IssuedAccessToken>;
  /** For an API key: at most five minutes, and never beyond the end of the key. */
  forApiKey(key: {
    userId: string;
    keyId: string;
    scopes: readonly string[];
    expiresAt: Date | null;
  }): Promise<IssuedAccessToken>;
  /** For one of Ocelli's own services. */
  forService(name: string): Promise<IssuedAccessToken>;
  /** For a stored service account, which acts for one user or for any. */
  forServiceAccount(account: {
    id: string;
    name: string;
    scopes: readonly string[];
    userId: string | null;
  }): Promise<IssuedAccessToken>;
}

/** Settings of {@link createAccessTokens}. */
export interface AccessTokenOptions {
  signingKeys: Pick<SigningKeys, "active">;
  issuer: string;
  audience: string;
  lifetimeMs: number;
  now: () => Date;
  newId: () => string;
}

// A key is checked with every exchange: what changed about it or its owner shows after this long at the latest.
const keyTokenSeconds = 5 * 60;

/** Creates the signer. */
export function createAccessTokens(options: AccessTokenOptions): AccessTokens {
  const lifetime = Math.floor(options.lifetimeMs / 1000);

  async function sign(
    subject: string,
    claims: Record<string, string>,
    end = Number.POSITIVE_INFINITY,
  ): Promise<IssuedAccessToken> {
    const key = await options.signingKeys.active();
    const issuedAt = epochSeconds(options.now());
    const expiresAt = Math.min(issuedAt + lifetime, end);
    const accessToken = await new SignJWT(claims)
      .setProtectedHeader({ alg: "EdDSA", typ: "at+jwt", kid: key.kid })
      .setIssuer(options.issuer)
      .setAudience(options.audience)
      .setSubject(subject)
      .setIssuedAt(issuedAt)
      .setExpirationTime(expiresAt)
      .setJti(options.newId())
      .sign(key.privateKey);
    return { accessToken, expiresIn: Math.max(expiresAt - issuedAt, 0) };
  }

  return {
    forUser: ({ userId, sessionId, role }) =>
      sign(userId, { sid: sessionId, scope: scopesOf(role).join(" ") }),
    forApiKey({ userId, keyId, scopes: held, expiresAt }) {
      const keyEnd = expiresAt ? epochSeconds(expiresAt) : Number.POSITIVE_INFINITY;
      const end = Math.min(epochSeconds(options.now()) + keyTokenSeconds, keyEnd);
      return sign(userId, { key: keyId, scope: held.join(" ") }, end);
    },
    forService: (name) => sign(`service:${name}`, { scope: "service" }),
    forServiceAccount: ({ id, name, scopes: held, userId }) =>
      sign(`service:${name}`, {
        account: id,
        scope: held.join(" "),
        ...(userId === null ? {} : { act_for: userId }),
      }),
  };
}

/** What a session of a user may be used for. */
export function scopesOf(role: string): Scope[] {
  return scopes.filter((scope) => scope !== "admin" || role === "admin");
}

function epochSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}
