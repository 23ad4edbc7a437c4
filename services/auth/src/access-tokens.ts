import { SignJWT } from "jose";
import type { SigningKeys } from "./signing-keys.ts";

/** An access token with its lifetime. */
export interface IssuedAccessToken {
  accessToken: string;
  /** Seconds. */
  expiresIn: number;
}

/** Signs access tokens: EdDSA JWTs of type `at+jwt` (RFC 9068). */
export interface AccessTokens {
  forUser(user: { userId: string; sessionId: string; role: string }): Promise<IssuedAccessToken>;
  forService(name: string): Promise<IssuedAccessToken>;
}

/** Settings of {@link createAccessTokens}. */
export interface AccessTokenOptions {
  signingKeys: SigningKeys;
  issuer: string;
  audience: string;
  lifetimeMs: number;
  now: () => Date;
  newId: () => string;
}

/** Creates the signer. */
export function createAccessTokens(options: AccessTokenOptions): AccessTokens {
  const expiresIn = Math.floor(options.lifetimeMs / 1000);

  async function sign(subject: string, claims: Record<string, string>): Promise<IssuedAccessToken> {
    const key = await options.signingKeys.active();
    const issuedAt = Math.floor(options.now().getTime() / 1000);
    const accessToken = await new SignJWT(claims)
      .setProtectedHeader({ alg: "EdDSA", typ: "at+jwt", kid: key.kid })
      .setIssuer(options.issuer)
      .setAudience(options.audience)
      .setSubject(subject)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + expiresIn)
      .setJti(options.newId())
      .sign(key.privateKey);
    return { accessToken, expiresIn };
  }

  return {
    forUser: ({ userId, sessionId, role }) =>
      sign(userId, { sid: sessionId, scope: role === "admin" ? "user admin" : "user" }),
    forService: (name) => sign(`service:${name}`, { scope: "service" }),
  };
}
