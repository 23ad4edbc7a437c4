import type { Logger } from "@ocelli/chassis";
import * as oidc from "openid-client";
import { fetchFromProvider, isLoopback, ProviderUnreachable } from "./oidc-fetch.ts";
import type { OidcProviderConfig } from "./settings/oidc-settings.ts";

/** What one login is checked against; random, made for this login alone. */
export interface OidcChecks {
  state: string;
  nonce: string;
  /** PKCE verifier. */
  codeVerifier: string;
}

/** What the provider says about who logged in. */
export interface OidcClaims {
  issuer: string;
  /** Never changes and is never given to somebody else, within the issuer. */
  subject: string;
  email: string | undefined;
  /** True only when the provider says so itself. */
  emailVerified: boolean;
  name: string | undefined;
}

/** Speaks with the provider. */
export interface OidcClient {
  /**
   * Where to send the browser.
   * @throws ProviderUnreachable.
   */
  authorizationUrl(checks: OidcChecks): Promise<string>;
  /**
   * Checks the provider's redirect, redeems its code and checks the ID token: signature, `iss`, `aud`, `exp`, `nonce`.
   * @throws ProviderUnreachable; OidcRefusal when any of it is not as it must be.
   */
  redeem(callbackQuery: string, checks: OidcChecks): Promise<OidcClaims>;
}

/** The provider refused, or what came back proves nothing. */
export class OidcRefusal extends Error {
  override readonly name = "OidcRefusal";
}

/** Settings of {@link createOidcClient}. */
export interface OidcClientOptions {
  provider: OidcProviderConfig;
  redirectUri: string;
  log: Logger;
  now: () => Date;
}

const timeoutSeconds = 8;
// A provider may move its endpoints; its keys are looked up again by themselves when an unknown one signs.
const discoveryMaxAgeMs = 3_600_000;
// OpenID Connect Core 1.0 section 2: at most 255 ASCII characters.
const subjectPattern = /^[\x20-\x7e]{1,255}$/;
// What the token endpoint answers when this installation is at fault, not the person who logs in (RFC 6749 section 5.2).
const ownFaults: ReadonlySet<string> = new Set(["invalid_client", "unauthorized_client", "invalid_scope"]);

/** Creates the client. The provider is asked for its endpoints at the first login, and again where that failed. */
export function createOidcClient({ provider, redirectUri, log, now }: OidcClientOptions): OidcClient {
  const configuration = cachedConfiguration(() => discover(provider), now);

  return {
    async authorizationUrl({ state, nonce, codeVerifier }) {
      const url = await speaking(log, async () =>
        oidc.buildAuthorizationUrl(await configuration(), {
          redirect_uri: redirectUri,
          scope: provider.scopes,
          state,
          nonce,
          code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
          code_challenge_method: "S256",
        }),
      );
      return url.href;
    },

    redeem: (callbackQuery, checks) =>
      speaking(log, async () => {
        const current = new URL(redirectUri);
        current.search = callbackQuery;
        const config = await configuration();
        const tokens = await oidc.authorizationCodeGrant(config, current, {
          expectedState: checks.state,
          expectedNonce: checks.nonce,
          pkceCodeVerifier: checks.codeVerifier,
          idTokenExpected: true,
        });
        const claims = tokens.claims();
        if (!claims || !subjectPattern.test(claims.sub)) throw new OidcRefusal("the ID token has no subject");
        // The library looks at it only beside several audiences (OpenID Connect Core 1.0 section 3.1.3.7, step 5).
        if (claims.azp !== undefined && claims.azp !== provider.clientId) {
          throw new OidcRefusal("the ID token was made for another client");
        }
        const profile = await profileOf(config, tokens.access_token, claims);
        return { issuer: claims.iss, subject: claims.sub, ...profile };
      }),
  };
}

async function discover(provider: OidcProviderConfig): Promise<oidc.Configuration> {
  const issuer = new URL(provider.issuer);
  const secret = provider.clientSecret.reveal();
  const basic = oidc.ClientSecretBasic(secret);
  const post = oidc.ClientSecretPost(secret);
  const authenticate: oidc.ClientAuth = (server, client, body, headers) => {
    // `client_secret_basic` is what a provider takes that says nothing (OpenID Connect Discovery 1.0 section 3).
    const methods = server.token_endpoint_auth_methods_supported ?? ["client_secret_basic"];
    return (methods.includes("client_secret_basic") ? basic : post)(server, client, body, headers);
  };
  return oidc.discovery(issuer, provider.clientId, {}, authenticate, {
    timeout: timeoutSeconds,
    [oidc.customFetch]: fetchFromProvider,
    // By itself the library trusts the connection to the token endpoint in place of the ID token's signature.
    execute: [
      oidc.enableNonRepudiationChecks,
      ...(issuer.protocol === "http:" && isLoopback(issuer) ? [oidc.allowInsecureRequests] : []),
    ],
  });
}

/** Callers at once share one discovery; a failed one is tried again by the next, an old one is renewed. */
function cachedConfiguration(
  load: () => Promise<oidc.Configuration>,
  now: () => Date,
): () => Promise<oidc.Configuration> {
  let known: { configuration: oidc.Configuration; readAt: number } | undefined;
  let loading: Promise<oidc.Configuration> | undefined;

  async function reload(): Promise<oidc.Configuration> {
    try {
      const configuration = await load();
      known = { configuration, readAt: now().getTime() };
      return configuration;
    } catch (error) {
      if (known) return known.configuration;
      throw new ProviderUnreachable("the provider cannot be discovered", { cause: error });
    } finally {
      loading = undefined;
    }
  }

  return async () => {
    if (known && now().getTime() - known.readAt < discoveryMaxAgeMs) return known.configuration;
    loading ??= reload();
    return loading;
  };
}

/** E-mail and name, from the ID token or, where it is short, from the user-info endpoint. */
async function profileOf(config: oidc.Configuration, accessToken: string, idToken: oidc.IDToken) {
  const asks = idToken.email === undefined && config.serverMetadata().userinfo_endpoint !== undefined;
  const claims = asks ? await oidc.fetchUserInfo(config, accessToken, idToken.sub) : idToken;
  const verified = claims.email_verified;
  return {
    email: textOf(claims.email),
    // Some providers send the word instead of the value.
    emailVerified: verified === true || verified === "true",
    name: textOf(claims.name) ?? textOf(idToken.name) ?? textOf(claims.preferred_username),
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value.trim() !== "" ? value : undefined;
}

/** Sorts the library's many errors into the two kinds that matter, and tells the operator of both. */
async function speaking<Result>(log: Logger, talk: () => Promise<Result>): Promise<Result> {
  try {
    return await talk();
  } catch (error) {
    const sorted = sort(error);
    // Codes only: messages of the provider may quote what a stranger sent.
    log.warn({ kind: sorted.name, code: codeOf(error), detail: sorted.message }, "OpenID login failed");
    throw sorted;
  }
}

function sort(error: unknown): OidcRefusal | ProviderUnreachable {
  if (error instanceof OidcRefusal || error instanceof ProviderUnreachable) return error;
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof ProviderUnreachable) return cause;
    if (cause instanceof oidc.ClientError && cause.code === "OAUTH_TIMEOUT") {
      return new ProviderUnreachable("the provider is too slow", { cause: error });
    }
    if (isOwnFault(cause)) {
      return new ProviderUnreachable("the provider does not know this client or its secret", {
        cause: error,
      });
    }
  }
  return new OidcRefusal("the login was refused", { cause: error });
}

/** Client authentication that failed comes as a 401 with or without a challenge, or as a 400. */
function isOwnFault(error: Error): boolean {
  if (error instanceof oidc.WWWAuthenticateChallengeError) return true;
  return error instanceof oidc.ResponseBodyError && ownFaults.has(error.error);
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  if ("code" in error && typeof error.code === "string") return error.code;
  return error.name;
}
