import { ConfigError, loadSettings } from "@ocelli/chassis";
import { describe, expect, test } from "vitest";
import { oidcProviderOf, oidcSettings } from "./oidc-settings.ts";

const complete = {
  OIDC_ISSUER: "https://accounts.example.org",
  OIDC_CLIENT_ID: "ocelli",
  OIDC_CLIENT_SECRET: "a-secret-of-the-provider",
};
const providerOf = (env: NodeJS.ProcessEnv) => oidcProviderOf(loadSettings(oidcSettings, env));

test("without any setting there is no provider", () => {
  expect(providerOf({})).toBeUndefined();
  expect(providerOf({ OIDC_PROVIDER_NAME: "Example" })).toBeUndefined();
});

test("a complete configuration has defaults for the rest", () => {
  expect(providerOf(complete)).toMatchObject({
    issuer: "https://accounts.example.org",
    name: "OpenID Connect",
    scopes: "openid email profile",
    signUp: true,
  });
});

test.each(Object.keys(complete))("names %s when that is missing", (name) => {
  expect(() => providerOf({ ...complete, [name]: "" })).toThrow(
    expect.objectContaining({ problems: [expect.stringMatching(new RegExp(`^${name} is required`))] }),
  );
});

test("names everything that is missing, and no secret", () => {
  const load = () => providerOf({ OIDC_CLIENT_SECRET: complete.OIDC_CLIENT_SECRET });
  expect(load).toThrow(/OIDC_ISSUER .*OIDC_CLIENT_ID /);
  expect(load).not.toThrow(/a-secret/);
});

describe("the issuer", () => {
  test.each([
    "https://accounts.example.org/realms/a",
    "http://127.0.0.1:9000",
    "http://localhost:9000",
    "http://[::1]:9000",
  ])("may be %s", (OIDC_ISSUER) => {
    expect(providerOf({ ...complete, OIDC_ISSUER })).toMatchObject({ issuer: OIDC_ISSUER });
  });

  test.each([
    "http://accounts.example.org",
    "http://127.0.0.1.evil.example",
    "http://localhost.evil.example",
    "https://user:password@accounts.example.org",
    "https://accounts.example.org?tenant=a",
    "https://accounts.example.org#a",
    "ftp://accounts.example.org",
    "file:///etc/passwd",
    "accounts.example.org",
  ])("is never %s", (OIDC_ISSUER) => {
    expect(() => providerOf({ ...complete, OIDC_ISSUER })).toThrow(ConfigError);
  });
});

test.each(["email", "openid  email", "openid\temail", 'openid "x"'])(
  "refuses the scopes %j",
  (OIDC_SCOPES) => {
    expect(() => providerOf({ ...complete, OIDC_SCOPES })).toThrow(ConfigError);
  },
);
