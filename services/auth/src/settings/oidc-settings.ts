import { ConfigError, optionalSetting, type Secret, setting, settingTypes } from "@ocelli/chassis";
import { z } from "zod";
import { isLoopback } from "../oidc-fetch.ts";

const issuerUrl = z
  .string()
  .max(500, "must have at most 500 characters")
  .refine((text) => {
    const url = URL.parse(text);
    if (!url || url.search || url.hash || url.username || url.password) return false;
    return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url));
  }, "must be an https:// URL (http:// only on this machine) without query, fragment or password");

const scopeList = z
  .string()
  .max(500, "must have at most 500 characters")
  .regex(
    /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/,
    "must be scopes divided by single spaces",
  )
  .refine((text) => text.split(" ").includes("openid"), "must contain openid");

/** Login through one OpenID Connect provider. */
export const oidcSettings = {
  oidcIssuer: optionalSetting("OIDC_ISSUER", issuerUrl, {
    doc: "Issuer of the OpenID Connect provider, exactly as its discovery document says. Needs OIDC_CLIENT_ID and OIDC_CLIENT_SECRET; the provider must allow the redirect address `<PUBLIC_URL>/api/v1/auth/oidc/callback`.",
  }),
  oidcClientId: optionalSetting("OIDC_CLIENT_ID", settingTypes.text(200), {
    doc: "Client id that the OpenID provider gave to this installation.",
  }),
  oidcClientSecret: optionalSetting("OIDC_CLIENT_SECRET", settingTypes.secret, {
    doc: "Client secret that belongs to OIDC_CLIENT_ID.",
    confidential: true,
  }),
  oidcProviderName: setting("OIDC_PROVIDER_NAME", settingTypes.text(50), {
    default: "OpenID Connect",
    doc: "Name of the provider as people know it, for the login button.",
  }),
  oidcScopes: setting("OIDC_SCOPES", scopeList, {
    default: "openid email profile",
    doc: "Scopes asked of the provider. Without `email` nobody can sign up through it.",
  }),
  oidcSignUp: setting("OIDC_SIGN_UP", settingTypes.flag, {
    default: true,
    doc: "Whether a first login through the provider creates an account, where AUTH_SIGN_UP allows it. Otherwise only linked accounts log in.",
  }),
};

/** A provider as configured. */
export interface OidcProviderConfig {
  issuer: string;
  clientId: string;
  clientSecret: Secret;
  name: string;
  scopes: string;
  signUp: boolean;
}

/** The values of {@link oidcSettings}. */
export interface OidcSettingsValues {
  oidcIssuer: string | undefined;
  oidcClientId: string | undefined;
  oidcClientSecret: Secret | undefined;
  oidcProviderName: string;
  oidcScopes: string;
  oidcSignUp: boolean;
}

/**
 * The provider, or `undefined` where none is configured.
 * @throws ConfigError naming what is missing of a configuration that was begun.
 */
export function oidcProviderOf(config: OidcSettingsValues): OidcProviderConfig | undefined {
  const { oidcIssuer: issuer, oidcClientId: clientId, oidcClientSecret: clientSecret } = config;
  if (issuer !== undefined && clientId !== undefined && clientSecret !== undefined) {
    const { oidcProviderName: name, oidcScopes: scopes, oidcSignUp: signUp } = config;
    return { issuer, clientId, clientSecret, name, scopes, signUp };
  }
  const parts = { OIDC_ISSUER: issuer, OIDC_CLIENT_ID: clientId, OIDC_CLIENT_SECRET: clientSecret };
  const missing = Object.entries(parts).flatMap(([name, value]) => (value === undefined ? [name] : []));
  if (missing.length === Object.keys(parts).length) return undefined;
  const given = Object.keys(parts).filter((name) => !missing.includes(name));
  throw new ConfigError(missing.map((name) => `${name} is required beside ${given.join(" and ")}`));
}
