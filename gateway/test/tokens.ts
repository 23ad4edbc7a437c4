import { exportJWK, generateKeyPair, SignJWT } from "jose";

/** Signs access tokens as the auth service would. */
export interface TokenSigner {
  readonly jwksJson: string;
  sign(claims?: { userId?: string; audience?: string; expiresIn?: string }): Promise<string>;
}

/** The user of tokens that name none. */
export const defaultUserId = "018f0000-0000-7000-8000-000000000001";

/** Creates a signer with a fresh key. */
export async function createTokenSigner(): Promise<TokenSigner> {
  const { privateKey, publicKey } = await generateKeyPair("EdDSA", { crv: "Ed25519" });
  const jwk = { ...(await exportJWK(publicKey)), kid: "test", alg: "EdDSA", use: "sig" };
  return {
    jwksJson: JSON.stringify({ keys: [jwk] }),
    sign: ({ userId = defaultUserId, audience = "ocelli", expiresIn = "10m" } = {}) =>
      new SignJWT({ sid: "018f0000-0000-7000-8000-00000000000a" })
        .setProtectedHeader({ alg: "EdDSA", kid: "test" })
        .setSubject(userId)
        .setIssuer("ocelli")
        .setAudience(audience)
        .setIssuedAt()
        .setExpirationTime(expiresIn)
        .sign(privateKey),
  };
}
