import { setTimeout as delay } from "node:timers/promises";
import { freePort, type MailServer, startMailServer } from "@ocelli/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Client, testPassword } from "./harness/client.ts";
import { serverFaults } from "./harness/inspection.ts";
import { linkToken, mailTo } from "./harness/mail.ts";
import {
  dataDirectory,
  type OcelliProcess,
  outputOf,
  removeFolders,
  startOcelli,
} from "./harness/ocelli-process.ts";
import { outcomeOf, readProblem } from "./harness/problems.ts";

const publicUrl = "https://photos.example.org";
const newPassword = "a wholly different passphrase";
const userSchema = z.object({
  id: z.uuid(),
  email: z.string(),
  role: z.string(),
  emailVerified: z.boolean(),
});
let ocelli: OcelliProcess;
let mail: MailServer;
let admin: Client;
/** How long the sign-up took while nothing answered at the mail server's port. */
let signUpWithoutMailMs: number;

beforeAll(async () => {
  const port = await freePort();
  ocelli = await startOcelli(["up"], {
    OCELLI_DATA: dataDirectory(),
    OCELLI_EVENTS: "in-process",
    PUBLIC_URL: publicUrl,
    SMTP_URL: `smtp://127.0.0.1:${port}`,
    RATE_LIMIT_AUTH: "off",
    AUTH_LONGEST_DELAY: "0s",
    AUTH_LIMIT_LOGIN_ADDRESS: "off",
  });
  const startedAt = performance.now();
  admin = await Client.signedUp(ocelli.address, "admin@example.org");
  signUpWithoutMailMs = performance.now() - startedAt;
  // Only a mail that was tried in vain shows that it is tried again.
  await outputOf(ocelli, /ECONNREFUSED/, 10_000);
  mail = await startMailServer({ port });
});

afterAll(async () => {
  await ocelli?.end("SIGTERM");
  await mail?.stop();
  removeFolders();
});

const signedUp = (name: string) => Client.signedUp(ocelli.address, `${name}@example.org`);
const anonymous = () => new Client(ocelli.address);
const login = (email: string, password = testPassword) =>
  outcomeOf(anonymous().post("/auth/login", { email, password }));
const me = async (client: Client) => userSchema.parse(await (await client.request("/users/me")).json());

async function activityOf(client: Client): Promise<string[]> {
  const entry = z.object({ action: z.string(), outcome: z.string() });
  const answer = await client.request("/users/me/activity?pageSize=100");
  const { items } = z.object({ items: z.array(entry) }).parse(await answer.json());
  return items.map(({ action, outcome }) => `${action} ${outcome}`);
}

describe("signing up", () => {
  test("the first account is the administrator's, no other", async () => {
    const maria = await signedUp("maria");
    expect(await me(admin)).toMatchObject({
      email: "admin@example.org",
      role: "admin",
      emailVerified: false,
    });
    expect(await me(maria)).toMatchObject({ email: "maria@example.org", role: "user" });
    expect(await outcomeOf(admin.request("/users"))).toBe("200");
    expect(await outcomeOf(maria.request("/users"))).toBe("403 SCOPE_REQUIRED");
  });

  test("the link that is mailed confirms the address, once", async () => {
    const client = await signedUp("verify");
    const received = await mail.waitFor(mailTo("verify@example.org", /confirm/i));
    const token = linkToken(received, "verify-email", publicUrl);
    const verify = (given: string) => outcomeOf(anonymous().post("/auth/email/verify", { token: given }));
    expect(await verify(`${token}x`)).toBe("401 INVALID_VERIFICATION_TOKEN");
    expect(await verify(token)).toBe("204");
    expect(await me(client)).toMatchObject({ emailVerified: true });
    expect(await verify(token)).toBe("401 INVALID_VERIFICATION_TOKEN");
    expect(await outcomeOf(client.post("/auth/email/verification", {}))).toBe("409 EMAIL_ALREADY_VERIFIED");
  });

  const taken = "taken@example.org";
  test.each([
    ["the same address", { email: taken }, "409 EMAIL_TAKEN"],
    ["the address in other letters", { email: "TAKEN@Example.ORG" }, "409 EMAIL_TAKEN"],
    ["the address in full-width letters", { email: "ｔａｋｅｎ@example.org" }, "409 EMAIL_TAKEN"],
    ["spaces around the address", { email: ` ${taken} ` }, "409 EMAIL_TAKEN"],
    ["no address", { email: "taken" }, "400 INVALID_ACCOUNT"],
    ["two addresses", { email: `${taken},other@example.org` }, "400 INVALID_ACCOUNT"],
    ["a header in the address", { email: "a@example.org\r\nBcc: b@example.org" }, "400 INVALID_ACCOUNT"],
    ["an invisible letter in the address", { email: "ta\u200bken@example.org" }, "400 INVALID_ACCOUNT"],
    ["a short password", { password: "seven77" }, "400 INVALID_ACCOUNT"],
    ["a common password", { password: "password123" }, "400 INVALID_ACCOUNT"],
    ["a password of 129 characters", { password: "pq!".repeat(43) }, "400 INVALID_ACCOUNT"],
    [
      "the address as password",
      { email: "long.name@example.org", password: "long.name@example.org" },
      "400 INVALID_ACCOUNT",
    ],
    ["no name", { name: "" }, "400 INVALID_ACCOUNT"],
    ["a role", { role: "admin" }, "400 INVALID_ARGUMENT"],
    ["a number as password", { password: 12345678 }, "400 INVALID_ARGUMENT"],
  ])("is refused with %s", async (_name, change, expected) => {
    await anonymous().post("/auth/signup", { email: taken, password: testPassword, name: "First" });
    const body = { email: "new@example.org", password: testPassword, name: "New", ...change };
    expect(await outcomeOf(anonymous().post("/auth/signup", body))).toBe(expected);
    expect(await login("new@example.org")).toBe("401 INVALID_CREDENTIALS");
  });
});

describe("logging in", () => {
  test("from another program is told by mail, the first and the usual ones are not", async () => {
    const client = await signedUp("notice");
    await client.logIn({ email: "notice@example.org" });
    client.userAgent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    await client.logIn({ email: "notice@example.org" });
    const received = await mail.waitFor(mailTo("notice@example.org", /sign-in/i));
    expect(received.text).toContain("Firefox");
    expect(received.text).toContain("127.0.0.1");
    const notices = mail.mails.filter(mailTo("notice@example.org", /sign-in/i));
    expect(notices).toHaveLength(1);
  });

  test("a wrong password and an unknown address are answered alike, after the same time", async () => {
    await signedUp("known");
    const fastest = { known: Number.POSITIVE_INFINITY, unknown: Number.POSITIVE_INFINITY };
    const answers = new Set<string>();
    const alike = () => {
      const ratio = fastest.unknown / fastest.known;
      return ratio > 0.6 && ratio < 1.6;
    };
    // The fastest of each is what noise touches least. On a busy machine it takes more rounds; where one is no password
    // hash, no number of rounds is enough.
    for (let round = 0; round < 40 && (round < 5 || !alike()); round++) {
      for (const name of ["known", "unknown"] as const) {
        const credentials = { email: `${name}@example.org`, password: "wrong password" };
        const startedAt = performance.now();
        const response = await anonymous().post("/auth/login", credentials);
        const problem = await readProblem(response);
        fastest[name] = Math.min(fastest[name], performance.now() - startedAt);
        answers.add(JSON.stringify({ problem, headers: [...response.headers.keys()] }));
      }
    }
    expect(answers.size).toBe(1);
    expect([...answers][0]).toContain('"reason":"INVALID_CREDENTIALS"');
    expect(fastest.unknown).toBeGreaterThan(50);
    expect(alike(), JSON.stringify(fastest)).toBe(true);
  });

  test("a disabled account's access ends at once, and only its own password tells why", async () => {
    const client = await signedUp("closed");
    const { id } = await me(client);
    expect(await outcomeOf(admin.send("PATCH", `/users/${id}`, { disabled: true }))).toBe("200");
    await expect
      .poll(() => outcomeOf(client.request("/photos")), { timeout: 5000, interval: 20 })
      .toBe("401 TOKEN_REVOKED");
    const refresh = { refreshToken: client.refreshToken };
    expect(await outcomeOf(anonymous().post("/auth/refresh", refresh))).toBe("401 INVALID_REFRESH_TOKEN");
    expect(await login("closed@example.org")).toBe("403 ACCOUNT_DISABLED");
    expect(await login("closed@example.org", "wrong password")).toBe("401 INVALID_CREDENTIALS");
    expect(await outcomeOf(admin.send("PATCH", `/users/${id}`, { disabled: false }))).toBe("200");
    expect(await login("closed@example.org")).toBe("200");
    expect(await outcomeOf(client.request("/photos"))).toBe("401 TOKEN_REVOKED");
  });
});

describe("passwords", () => {
  test("changing one needs the old one and ends the other sessions at once, not one's own", async () => {
    const client = await signedUp("change");
    const other = await anonymous().logIn({ email: "change@example.org" });
    const change = (currentPassword: string, wanted = newPassword) =>
      outcomeOf(client.post("/auth/password/change", { currentPassword, newPassword: wanted }));
    expect(await change("wrong password")).toBe("401 INVALID_CREDENTIALS");
    expect(await change(testPassword, "password123")).toBe("400 INVALID_PASSWORD");
    expect(await outcomeOf(other.request("/photos"))).toBe("200");

    expect(await change(testPassword)).toBe("204");
    expect(await outcomeOf(other.request("/photos"))).toBe("401 TOKEN_REVOKED");
    const refresh = (token: string) => outcomeOf(anonymous().post("/auth/refresh", { refreshToken: token }));
    expect(await refresh(other.refreshToken)).toBe("401 INVALID_REFRESH_TOKEN");
    expect(await outcomeOf(client.request("/photos"))).toBe("200");
    expect(await refresh(client.refreshToken)).toBe("200");
    expect(await login("change@example.org")).toBe("401 INVALID_CREDENTIALS");
    expect(await login("change@example.org", newPassword)).toBe("200");
    await mail.waitFor(mailTo("change@example.org", /password was changed/i));
  });

  test("a forgotten one is reset by mail: the link works once, the old password and all sessions are dead", async () => {
    const client = await signedUp("forgot");
    const forgot = (email: string) => outcomeOf(anonymous().post("/auth/password/forgot", { email }));
    expect(await forgot("nobody@example.org")).toBe("202");
    expect(await forgot("FORGOT@example.org")).toBe("202");
    const received = await mail.waitFor(mailTo("forgot@example.org", /reset/i));
    const token = linkToken(received, "reset-password", publicUrl);
    const reset = (given: string, wanted = newPassword) =>
      outcomeOf(anonymous().post("/auth/password/reset", { token: given, newPassword: wanted }));
    expect(await reset(`${token}x`)).toBe("401 INVALID_RESET_TOKEN");
    expect(await outcomeOf(anonymous().post("/auth/email/verify", { token }))).toBe(
      "401 INVALID_VERIFICATION_TOKEN",
    );
    // A bad choice does not use the link up.
    expect(await reset(token, "password123")).toBe("400 INVALID_PASSWORD");
    expect(await outcomeOf(client.request("/photos"))).toBe("200");

    expect(await reset(token)).toBe("204");
    expect(await reset(token, "yet another good passphrase")).toBe("401 INVALID_RESET_TOKEN");
    await expect
      .poll(() => outcomeOf(client.request("/photos")), { timeout: 5000, interval: 20 })
      .toBe("401 TOKEN_REVOKED");
    const refresh = { refreshToken: client.refreshToken };
    expect(await outcomeOf(anonymous().post("/auth/refresh", refresh))).toBe("401 INVALID_REFRESH_TOKEN");
    expect(await login("forgot@example.org")).toBe("401 INVALID_CREDENTIALS");
    expect(await login("forgot@example.org", newPassword)).toBe("200");
    await mail.waitFor(mailTo("forgot@example.org", /password was changed/i));
    expect(mail.mails.filter(({ envelope }) => envelope.to.includes("nobody@example.org"))).toEqual([]);
  });

  test("two people who follow the same reset link at once: one gets in", async () => {
    await signedUp("race");
    await anonymous().post("/auth/password/forgot", { email: "race@example.org" });
    const received = await mail.waitFor(mailTo("race@example.org", /reset/i));
    const token = linkToken(received, "reset-password", publicUrl);
    const choices = Array.from({ length: 6 }, (_, index) => `${newPassword} ${index}`);
    const outcomes = await Promise.all(
      choices.map((wanted) =>
        outcomeOf(anonymous().post("/auth/password/reset", { token, newPassword: wanted })),
      ),
    );
    expect(outcomes.sort()).toEqual(["204", ...Array(5).fill("401 INVALID_RESET_TOKEN")]);
    const logins = await Promise.all(choices.map((wanted) => login("race@example.org", wanted)));
    expect(logins.filter((outcome) => outcome === "200")).toHaveLength(1);
  });
});

describe("the profile", () => {
  test("a new address counts once its link is followed, and the old one is told", async () => {
    const client = await signedUp("moving");
    const change = (newEmail: string, password = testPassword) =>
      outcomeOf(client.post("/auth/email/change", { newEmail, password }));
    expect(await change("moved@example.org", "wrong password")).toBe("401 INVALID_CREDENTIALS");
    expect(await change("ADMIN@example.org")).toBe("409 EMAIL_TAKEN");
    expect(await change("moved@example.org")).toBe("202");
    const warning = await mail.waitFor(mailTo("moving@example.org", /about to change/i));
    expect(warning.text).toContain("moved@example.org");
    const received = await mail.waitFor(mailTo("moved@example.org", /confirm/i));
    expect(await me(client)).toMatchObject({ email: "moving@example.org" });
    expect(await login("moved@example.org")).toBe("401 INVALID_CREDENTIALS");

    const token = linkToken(received, "verify-email", publicUrl);
    expect(await outcomeOf(anonymous().post("/auth/email/verify", { token }))).toBe("204");
    expect(await me(client)).toMatchObject({ email: "moved@example.org", emailVerified: true });
    expect(await login("moved@example.org")).toBe("200");
    expect(await login("moving@example.org")).toBe("401 INVALID_CREDENTIALS");
  });

  test("has a name that its owner changes, and nothing else", async () => {
    const client = await signedUp("renamed");
    const { id } = await me(client);
    const rename = await client.send("PATCH", "/users/me", { name: "  Ada Łukasz 🦊 " });
    expect(await rename.json()).toMatchObject({ id, name: "Ada Łukasz 🦊" });
    expect(await outcomeOf(client.send("PATCH", "/users/me", { name: "" }))).toBe("400 INVALID_ACCOUNT");
    expect(await outcomeOf(client.send("PATCH", "/users/me", { role: "admin" }))).toBe(
      "400 INVALID_ARGUMENT",
    );
    for (const change of [{ role: "admin" }, { disabled: true }])
      expect(await outcomeOf(client.send("PATCH", `/users/${id}`, change))).toBe("403 ADMIN_REQUIRED");
    const adminId = await admin.id();
    for (const path of [`/users/${adminId}`, `/users/${crypto.randomUUID()}`]) {
      expect(await outcomeOf(client.request(path))).toBe("404 USER_NOT_FOUND");
      expect(await outcomeOf(client.send("PATCH", path, { name: "Mine" }))).toBe("404 USER_NOT_FOUND");
    }
    expect(await me(client)).toMatchObject({ role: "user" });
  });

  test("shows its owner what was done to the account, failures included", async () => {
    const client = await signedUp("watched");
    await login("watched@example.org", "wrong password");
    await client.post("/auth/password/change", { currentPassword: testPassword, newPassword });
    expect(await activityOf(client)).toEqual([
      "password.changed success",
      "session.opened failure",
      "session.opened success",
      "account.created success",
    ]);
    const stranger = await signedUp("unwatched");
    expect(await activityOf(stranger)).toEqual(["session.opened success", "account.created success"]);
  });
});

test("a mail that could not be sent at sign-up comes when the mail server is back", async () => {
  expect(signUpWithoutMailMs).toBeLessThan(10_000);
  const received = await mail.waitFor(mailTo("admin@example.org", /confirm/i), 50_000);
  const token = linkToken(received, "verify-email", publicUrl);
  expect(await outcomeOf(anonymous().post("/auth/email/verify", { token }))).toBe("204");
  expect(await me(admin)).toMatchObject({ emailVerified: true });
  // A second copy would come within moments.
  await delay(500);
  expect(mail.mails.filter(mailTo("admin@example.org", /confirm/i))).toHaveLength(1);
});

test("after all that, no answer was a fault of the server", async () => {
  expect(await serverFaults(ocelli)).toEqual({ answers: 0, logged: [] });
});
