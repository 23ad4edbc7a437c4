import { loadSettings } from "@ocelli/chassis";
import { describe, expect, it } from "vitest";
import { settings } from "./config.ts";

const load = (env: Record<string, string>) =>
  loadSettings(settings, { GATEWAY_SERVICE_SECRET: "a secret of the tests", ...env });

describe("settings of the gateway", () => {
  it("are generous and trust nobody by default", () => {
    expect(load({})).toMatchObject({
      rateLimitAuth: { limit: 120, windowMs: 60_000 },
      rateLimitAnalyze: { limit: 2000, windowMs: 60_000 },
      trustedProxies: [],
      corsOrigins: [],
      sessionCookies: "secure",
      maxWatchersPerUser: undefined,
    });
  });

  it("read limits, origins and proxies", () => {
    const env = {
      RATE_LIMIT_READ: "10/30s",
      RATE_LIMIT_AUTH: "off",
      CORS_ORIGINS: "https://a.example, http://localhost:3000",
      TRUSTED_PROXIES: "10.0.0.0/8,::1",
    };
    expect(load(env)).toMatchObject({
      rateLimitRead: { limit: 10, windowMs: 30_000 },
      rateLimitAuth: "off",
      corsOrigins: ["https://a.example", "http://localhost:3000"],
      trustedProxies: [
        { address: "10.0.0.0", prefix: 8, family: "ipv4" },
        { address: "::1", prefix: 128, family: "ipv6" },
      ],
    });
  });

  it.each([
    ["CORS_ORIGINS", "*"],
    ["CORS_ORIGINS", "https://*.example.org"],
    ["CORS_ORIGINS", "https://a.example,*"],
    ["CORS_ORIGINS", "null"],
    ["CORS_ORIGINS", "https://a.example/"],
    ["CORS_ORIGINS", "https://A.example"],
    ["CORS_ORIGINS", "https://user@a.example"],
    ["CORS_ORIGINS", "a.example"],
    ["CORS_ORIGINS", "file:///tmp"],
    ["TRUSTED_PROXIES", "*"],
    ["TRUSTED_PROXIES", "0.0.0.0/0"],
    ["RATE_LIMIT_AUTH", "0/1m"],
    ["RATE_LIMIT_AUTH", "120"],
    ["RATE_LIMIT_AUTH", "120/1d"],
    ["RATE_LIMIT_AUTH", "120/0s"],
    ["RATE_LIMIT_AUTH", "none"],
    ["SESSION_COOKIES", "lax"],
    ["FORWARDED_HEADER", "x-real-ip"],
  ])("refuse %s=%s", (name, value) => {
    expect(() => load({ [name]: value })).toThrow(name);
  });
});
