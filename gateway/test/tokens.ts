import { scopes } from "@ocelli/contracts";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";

/** Signs access tokens as the auth service would. */
export interface TokenSigner {
  readonly jwksJson: string;
  sign(claims?: TokenClaims): Promise<string>;
  /** A token of one of Ocelli's own services. */
  signService(name: string): Promise<string>;
}

/** What a token says; the rest is that of a good one. */
export interface TokenClaims {
  userId?: string;
  audience?: string;
  expiresIn?: string;
  scope?: string;
  sessionId?: string;
  /** Makes it a token of an API key instead of a session. */
  apiKeyId?: string;
}

/** The user of tokens that name none. */
export const defaultUserId = "018f0000-0000-7000-8000-000000000001";

/** The session of tokens that name none. */
export const defaultSessionId = "018f0000-0000-7000-8000-00000000000a";

/** Creates a signer with a fresh key. */
export async function createTokenSigner(): Promise<TokenSigner> {
  const { privateKey, publicKey } = await generateKeyPair("EdDSA", { crv: "Ed25519" });
  const jwk = { ...(await exportJWK(publicKey)), kid: "test", alg: "EdDSA", use: "sig" };
  const sign = (claims: JWTPayload, { audience = "ocelli", expiresIn = "10m" }: TokenClaims) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: "EdDSA", kid: "test", typ: "at+jwt" })
      .setIssuer("ocelli")
      .setAudience(audience)
      .setIssuedAt()
      .setExpirationTime(expiresIn)
      .sign(privateKey);
  return {
    jwksJson: JSON.stringify({ keys: [jwk] }),
    sign(claims = {}) {
      const { userId = defaultUserId, scope = scopes.join(" "), apiKeyId } = claims;
      const grant = apiKeyId ? { key: apiKeyId } : { sid: claims.sessionId ?? defaultSessionId };
      return sign({ sub: userId, scope, ...grant }, claims);
    },
    signService: (name) => sign({ sub: `service:${name}`, scope: "service" }, {}),
  };
}
