import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { Browser } from "./harness/browser.ts";
import { Client, testPassword } from "./harness/client.ts";
import { everywhere, type GrpcServices, grpcAddress, openServices } from "./harness/grpc-services.ts";
import { dataDirectory, type OcelliProcess, removeFolders, startOcelli } from "./harness/ocelli-process.ts";
import { photoBytes } from "./harness/photos.ts";
import { outcomeOf } from "./harness/problems.ts";

let ocelli: OcelliProcess;
let services: GrpcServices;

beforeAll(async () => {
  ocelli = await startOcelli(["up"], { OCELLI_DATA: dataDirectory(), OCELLI_EVENTS: "in-process" });
  services = openServices((name) => grpcAddress(ocelli, name));
});

afterAll(async () => {
  services?.close();
  await ocelli?.end("SIGTERM");
  removeFolders();
});

const access = "__Host-ocelli-access";
const refreshCookie = "__Secure-ocelli-refresh";
const csrfSchema = z.strictObject({ csrfToken: z.string(), expiresIn: z.number() });

async function browserOf(name: string) {
  await Client.signedUp(ocelli.address, `${name}@example.org`);
  const browser = new Browser(ocelli.address);
  const credentials = { email: `${name}@example.org`, password: testPassword };
  const login = await browser.post("/api/v1/auth/login", { ...credentials, cookies: true });
  return { browser, ...csrfSchema.parse(await login.json()) };
}

const createKey = { name: "from the console", scopes: ["photos:read"] };

test("session cookies open the API to their own pages, which prove themselves with the CSRF token", async () => {
  const { browser, csrfToken } = await browserOf("cookies");
  expect(browser.cookies()[access]).toEqual(
    expect.arrayContaining(["HttpOnly", "SameSite=Strict", "Secure", "Path=/"]),
  );
  expect(browser.cookies()[refreshCookie]).toEqual(
    expect.arrayContaining(["HttpOnly", "SameSite=Strict", "Secure", "Path=/api/v1/auth"]),
  );
  expect(await outcomeOf(browser.request("/api/v1/photos"))).toBe("200");
  const form = new FormData();
  form.set("file", new Blob([photoBytes("coffee.png")]), "coffee.png");
  const upload = (headers: Record<string, string>) =>
    outcomeOf(browser.request("/api/v1/photos", { method: "POST", body: form, headers }));
  expect(await upload({})).toBe("403 CSRF_TOKEN_REQUIRED");
  expect(await upload({ "x-csrf-token": "nonsense" })).toBe("403 INVALID_CSRF_TOKEN");
  expect(await upload({ "x-csrf-token": csrfToken })).toMatch(/^20[12]$/);
  expect(await outcomeOf(browser.post("/api/v1/api-keys", createKey, { "x-csrf-token": csrfToken }))).toBe(
    "201",
  );
});

test("session cookies are of no use to pages of other sites, and a CSRF token to no other session", async () => {
  const { browser, csrfToken } = await browserOf("target");
  const other = await browserOf("neighbour");
  const evil = "https://evil.example";
  const headers = { "x-csrf-token": csrfToken };
  expect(await outcomeOf(browser.post("/api/v1/api-keys", createKey, headers, evil))).toBe(
    "403 CROSS_SITE_REQUEST",
  );
  for (const path of ["refresh", "logout"])
    expect(await outcomeOf(browser.post(`/api/v1/auth/${path}`, { cookies: true }, {}, evil))).toBe(
      "403 CROSS_SITE_REQUEST",
    );
  const foreign = { "x-csrf-token": other.csrfToken };
  expect(await outcomeOf(browser.post("/api/v1/api-keys", createKey, foreign))).toBe(
    "403 INVALID_CSRF_TOKEN",
  );
  expect(await outcomeOf(browser.request("/api/v1/api-keys"))).toBe("200");
});

test("session cookies are refreshed and ended without a script ever seeing a token", async () => {
  const { browser, csrfToken } = await browserOf("console");
  const before = browser.value(access);
  const again = await browser.post("/api/v1/auth/refresh", { cookies: true });
  const renewed = csrfSchema.parse(await again.json());
  expect(renewed.csrfToken).not.toBe(csrfToken);
  expect(browser.value(access)).not.toBe(before);
  const current = await browser.request("/api/v1/auth/csrf");
  expect(await current.json()).toEqual({ csrfToken: renewed.csrfToken });

  const last = browser.value(access);
  expect(await outcomeOf(browser.post("/api/v1/auth/logout", { cookies: true }))).toBe("204");
  expect(browser.cookies()).toEqual({});
  const kept = new Client(ocelli.address);
  kept.token = last;
  expect(await outcomeOf(kept.request("/photos"))).toBe("401 TOKEN_REVOKED");
  await expect
    .poll(() => services.outcomes(last), { timeout: 5000, interval: 20 })
    .toEqual(everywhere("UNAUTHENTICATED TOKEN_REVOKED"));
});
