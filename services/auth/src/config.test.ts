import { ConfigError, describeSettings, loadSettings } from "@ocelli/chassis";
import { expect, test } from "vitest";
import { settings } from "./config.ts";

test("the defaults are the documented ones", () => {
  const config = loadSettings(settings, {});
  expect(config).toMatchObject({
    port: 7001,
    accessTokenMs: 600_000,
    sessionLifetimeMs: 30 * 86_400_000,
    sessionIdleMs: 14 * 86_400_000,
    refreshGraceMs: 20_000,
    serviceAccounts: [],
    keySecret: undefined,
  });
  for (const row of describeSettings(settings)) expect(row.default).not.toMatch(/object|undefined|^$/);
});

test("bad settings are named together, without their secrets", () => {
  const env = {
    SERVICE_ACCOUNTS: "library:hunter2",
    AUTH_KEY_SECRET: "hunter2",
    AUTH_ACCESS_TOKEN_LIFETIME: "3h",
    AUTH_PASSWORD_MEMORY: "8mib",
    AUTH_REFRESH_GRACE: "1h",
  };
  const load = () => loadSettings(settings, env);
  expect(load).toThrow(ConfigError);
  for (const name of Object.keys(env)) expect(load).toThrow(name);
  expect(load).not.toThrow("hunter2");
});
