import { freePort, type OidcPerson, type OidcProvider, startOidcProvider } from "@ocelli/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Browser } from "./harness/browser.ts";
import { Client, tokensSchema } from "./harness/client.ts";
import { type ObservedOcelli, startObserved } from "./harness/database.ts";
import { serverFaults } from "./harness/inspection.ts";
import { removeFolders } from "./harness/ocelli-process.ts";
import { outcomeOf } from "./harness/problems.ts";

const callback = "/api/v1/auth/oidc/callback";
const access = "__Host-ocelli-access";
const browserSecret = "__Host-ocelli-oidc";
let provider: OidcProvider;
let ocelli: ObservedOcelli;

beforeAll(async () => {
  const port = await freePort();
  const publicUrl = `http://127.0.0.1:${port}`;
  provider = await startOidcProvider({ redirectUri: `${publicUrl}${callback}` });
  ocelli = await startObserved({
    PORT: String(port),
    PUBLIC_URL: publicUrl,
    OIDC_ISSUER: provider.issuer,
    OIDC_CLIENT_ID: provider.clientId,
    OIDC_CLIENT_SECRET: provider.clientSecret,
    OIDC_PROVIDER_NAME: "Test provider",
  });
});

afterAll(async () => {
  await ocelli?.stop();
  await provider?.stop();
  removeFolders();
});

let count = 0;
/** Somebody whom the provider knows and we do not. */
function newPerson(change: Partial<OidcPerson> = {}): OidcPerson {
  const subject = `person-${++count}`;
  return { subject, email: `${subject}@example.org`, emailVerified: true, name: "Grace Hopper", ...change };
}

/** Presses the login button: where the browser is sent. */
async function begin(browser: Browser, returnTo?: string): Promise<string> {
  const query = returnTo === undefined ? "" : `?returnTo=${encodeURIComponent(returnTo)}`;
  const response = await browser.request(`/api/v1/auth/oidc/login${query}`);
  expect(response.status).toBe(303);
  return response.headers.get("location") ?? "";
}

/** The provider's answer as the browser brings it back. */
function comeBack(browser: Browser, url: string): Promise<Response> {
  const { origin, pathname, search } = new URL(url);
  expect(`${origin}${pathname}`).toBe(`${ocelli.url}${callback}`);
  // The provider's page led here.
  return browser.request(`${pathname}${search}`, { origin: provider.issuer });
}

async function tokensOf(browser: Browser, person: OidcPerson): Promise<Client> {
  const response = await comeBack(browser, await provider.login(await begin(browser), person));
  expect(response.status).toBe(200);
  return new Client(ocelli.url).use(tokensSchema.parse(await response.json()));
}

const me = async (client: Client) =>
  z
    .looseObject({ id: z.uuid(), email: z.string(), hasPassword: z.boolean(), emailVerified: z.boolean() })
    .parse(await (await client.request("/users/me")).json());

async function userCount(): Promise<number> {
  const [row] = await ocelli.rows<{ n: number }>("select count(*)::int as n from auth.users");
  return row?.n ?? -1;
}

describe("a login at the provider", () => {
  test("is announced, and sends the browser off with code, PKCE, state and nonce, each new", async () => {
    const announced = await fetch(`${ocelli.url}/api/v1/auth/oidc`);
    expect(await announced.json()).toEqual({ enabled: true, providerName: "Test provider" });
    const browser = new Browser(ocelli.url);
    const urls = [new URL(await begin(browser)), new URL(await begin(browser))];
    for (const { origin, searchParams } of urls) {
      expect(origin).toBe(provider.issuer);
      expect(Object.fromEntries(searchParams)).toMatchObject({
        response_type: "code",
        client_id: "ocelli",
        redirect_uri: `${ocelli.url}${callback}`,
        code_challenge_method: "S256",
      });
    }
    for (const name of ["state", "nonce", "code_challenge"]) {
      const values = urls.map(({ searchParams }) => searchParams.get(name));
      expect(values[0]?.length).toBeGreaterThanOrEqual(32);
      expect(values[0]).not.toBe(values[1]);
    }
    expect(browser.cookies()[browserSecret]).toEqual(
      expect.arrayContaining(["HttpOnly", "SameSite=Lax", "Secure", "Path=/"]),
    );
  });

  test("makes an account without a password; the next one is the same account's", async () => {
    const person = newPerson();
    const browser = new Browser(ocelli.url);
    const client = await tokensOf(browser, person);
    const user = await me(client);
    expect(user).toMatchObject({ email: person.email, hasPassword: false, emailVerified: true });
    expect(browser.cookies()).toEqual({});
    const again = await tokensOf(new Browser(ocelli.url), person);
    expect((await me(again)).id).toBe(user.id);
    const sessions = await (await client.request("/auth/sessions")).json();
    expect(sessions).toMatchObject({ items: [{ method: "oidc" }, { method: "oidc" }] });
    for (const password of ["", "null", "undefined"])
      expect(
        await outcomeOf(new Client(ocelli.url).post("/auth/login", { email: person.email, password })),
      ).toBe("401 INVALID_CREDENTIALS");
  });

  test("leads back to the page it began on, with session cookies and no token in any address", async () => {
    const browser = new Browser(ocelli.url);
    const url = await provider.login(await begin(browser, "/console?tab=1"), newPerson());
    const response = await comeBack(browser, url);
    expect([response.status, response.headers.get("location")]).toEqual([303, "/console?tab=1"]);
    expect(await response.text()).not.toContain("eyJ");
    expect(browser.cookies()[access]).toEqual(expect.arrayContaining(["HttpOnly", "SameSite=Strict"]));
    expect(await outcomeOf(browser.request("/api/v1/photos"))).toBe("200");
    const csrf = await browser.request("/api/v1/auth/csrf");
    const { csrfToken } = z.object({ csrfToken: z.string() }).parse(await csrf.json());
    const rename = (headers: Record<string, string>) =>
      outcomeOf(
        browser.request("/api/v1/users/me", {
          method: "PATCH",
          body: '{"name":"G"}',
          headers: { "content-type": "application/json", ...headers },
        }),
      );
    expect(await rename({})).toBe("403 CSRF_TOKEN_REQUIRED");
    expect(await rename({ "x-csrf-token": csrfToken })).toBe("200");
  });

  test.each([
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "javascript:alert(1)",
    "/a\r\nset-cookie: a=b",
  ])("never leads elsewhere: %j", async (returnTo) => {
    const path = `/api/v1/auth/oidc/login?returnTo=${encodeURIComponent(returnTo)}`;
    expect(await outcomeOf(new Browser(ocelli.url).request(path))).toBe("400 INVALID_ARGUMENT");
  });
});

describe("refused is", () => {
  test("a state swapped between two browsers, for both, and afterwards as well", async () => {
    const before = await userCount();
    const [mine, victim] = [new Browser(ocelli.url), new Browser(ocelli.url)];
    const person = newPerson();
    const answer = await provider.login(await begin(mine), person);
    await begin(victim);
    // Login CSRF: the victim would go on in the attacker's account.
    expect(await outcomeOf(comeBack(victim, answer))).toBe("401 INVALID_OIDC_STATE");
    expect(victim.cookies()).toEqual({});
    expect(await outcomeOf(comeBack(mine, answer))).toBe("401 INVALID_OIDC_STATE");
    expect(await outcomeOf(comeBack(new Browser(ocelli.url), answer))).toBe("401 INVALID_OIDC_STATE");
    expect(await userCount()).toBe(before);
  });

  test("an answer used twice, with another state, without one, or of another login", async () => {
    const browser = new Browser(ocelli.url);
    const person = newPerson();
    const answer = await provider.login(await begin(browser), person);
    const kept = browser.value(browserSecret);
    expect((await comeBack(browser, answer)).status).toBe(200);
    const replay = await fetch(answer, { headers: { cookie: `${browserSecret}=${kept}` } });
    expect(await outcomeOf(replay)).toBe("401 INVALID_OIDC_STATE");

    const other = new URL(await provider.login(await begin(browser), person));
    for (const change of ["x".repeat(43), ""]) {
      const url = new URL(other);
      if (change) url.searchParams.set("state", change);
      else url.searchParams.delete("state");
      const cookie = `${browserSecret}=${browser.value(browserSecret)}`;
      expect(await outcomeOf(fetch(url, { headers: { cookie } }))).toMatch(/^40[01] /);
    }

    // The code of one login with the state of another.
    const [first, second] = [new Browser(ocelli.url), new Browser(ocelli.url)];
    const firstAnswer = new URL(await provider.login(await begin(first), newPerson()));
    const secondAnswer = new URL(await provider.login(await begin(second), newPerson()));
    firstAnswer.searchParams.set("code", secondAnswer.searchParams.get("code") ?? "");
    expect(await outcomeOf(comeBack(first, firstAnswer.href))).toBe("401 OIDC_REFUSED");
  });

  test("a person who said no", async () => {
    const browser = new Browser(ocelli.url);
    const answer = await provider.refuse(await begin(browser));
    expect(await outcomeOf(comeBack(browser, answer))).toBe("401 OIDC_REFUSED");
  });

  test("an account of the same address that the provider did not verify", async () => {
    const owner = await Client.signedUp(ocelli.url, "taken@example.org");
    const before = await userCount();
    const { emailVerified: _, ...silent } = newPerson({ email: "taken@example.org" });
    for (const thief of [newPerson({ email: "taken@example.org", emailVerified: false }), silent]) {
      const browser = new Browser(ocelli.url);
      const answer = await provider.login(await begin(browser), thief);
      expect(await outcomeOf(comeBack(browser, answer))).toMatch(
        /^(403 EMAIL_NOT_VERIFIED|409 EMAIL_TAKEN)$/,
      );
    }
    expect(await userCount()).toBe(before);
    expect(await me(owner)).toMatchObject({ email: "taken@example.org" });
  });

  test.each([
    ["signed by somebody else", {}, "foreign"],
    ["not signed at all", {}, "none"],
    ["with another nonce", { nonce: "made up" }, "own"],
    ["for another client", { aud: "somebody-else" }, "own"],
    ["of another issuer", { iss: "https://evil.example" }, "own"],
    ["that has expired", { exp: Math.floor(Date.now() / 1000) - 3600 }, "own"],
  ] as const)("an ID token %s", async (_name, claims, signature) => {
    const before = await userCount();
    await provider.tamper(claims, { signature });
    try {
      const browser = new Browser(ocelli.url);
      const answer = await provider.login(await begin(browser), newPerson());
      expect(await outcomeOf(comeBack(browser, answer))).toBe("401 OIDC_REFUSED");
      expect(browser.cookies()).toEqual({});
    } finally {
      await provider.tamper({}, { signature: "own" });
    }
    expect(await userCount()).toBe(before);
  });

  test("a disabled account", async () => {
    const person = newPerson();
    const client = await tokensOf(new Browser(ocelli.url), person);
    const { id } = await me(client);
    await ocelli.rows("update auth.users set disabled_at = now() where id = $1", [id]);
    const browser = new Browser(ocelli.url);
    const answer = await provider.login(await begin(browser), person);
    expect(await outcomeOf(comeBack(browser, answer))).toBe("403 ACCOUNT_DISABLED");
    expect(browser.cookies()).toEqual({});
  });
});

test("an account with a password links the provider's, and is the same through both doors", async () => {
  const owner = await Client.signedUp(ocelli.url, "linker@example.org");
  const browser = new Browser(ocelli.url);
  const link = await browser.request("/api/v1/auth/oidc/link", {
    method: "POST",
    body: "{}",
    headers: { "content-type": "application/json", authorization: `Bearer ${owner.token}` },
  });
  const { authorizationUrl } = z.object({ authorizationUrl: z.string() }).parse(await link.json());
  const person = newPerson({ email: "other-address@example.org" });
  const answer = await provider.login(authorizationUrl, person);
  const linked = await comeBack(browser, answer);
  expect(await linked.json()).toEqual({ linked: true });
  const through = await tokensOf(new Browser(ocelli.url), person);
  expect(await me(through)).toMatchObject({ id: (await me(owner)).id, email: "linker@example.org" });
});

test("after all that, no answer was a fault of the server", async () => {
  const { answers, logged } = await serverFaults(ocelli.process);
  expect({ answers, logged }).toEqual({ answers: 0, logged: [] });
});
