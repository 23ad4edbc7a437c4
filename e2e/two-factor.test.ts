import { setTimeout as delay } from "node:timers/promises";
import { type MailServer, startMailServer } from "@ocelli/testkit";
import { TOTP } from "otpauth";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { Client, testPassword } from "./harness/client.ts";
import { type ObservedOcelli, startObserved } from "./harness/database.ts";
import { serverFaults } from "./harness/inspection.ts";
import { linkToken, mailTo } from "./harness/mail.ts";
import { removeFolders } from "./harness/ocelli-process.ts";
import { outcomeOf } from "./harness/problems.ts";

const stepMs = 30_000;
const publicUrl = "http://localhost:8080";
const enrolmentSchema = z.object({ secret: z.string(), otpauthUri: z.string() });
const codesSchema = z.object({ recoveryCodes: z.array(z.string()) });
let ocelli: ObservedOcelli;
let mail: MailServer;

beforeAll(async () => {
  mail = await startMailServer();
  ocelli = await startObserved({
    SMTP_URL: mail.url,
    PUBLIC_URL: publicUrl,
    AUTH_KEY_SECRET: "a secret for the tests alone",
    AUTH_LIMIT_CODE_ACCOUNT: "8/15m",
    AUTH_LONGEST_DELAY: "0s",
  });
});

afterAll(async () => {
  await ocelli?.stop();
  await mail?.stop();
  removeFolders();
});

interface Enrolled {
  client: Client;
  email: string;
  secret: string;
  recoveryCodes: string[];
  /** Code of the step in which the test began; each later step's is accepted after it. */
  code(steps: number): string;
}

const anonymous = () => new Client(ocelli.url);
const login = (email: string, code?: string, password = testPassword) =>
  outcomeOf(anonymous().post("/auth/login", { email, password, ...(code === undefined ? {} : { code }) }));

/**
 * Turns it on with the code of the step before this one, so that two later ones are left to log in with. The server
 * reads the real clock: a step must not end before the test has.
 */
async function enrolled(name: string): Promise<Enrolled> {
  const email = `${name}@example.org`;
  const client = await Client.signedUp(ocelli.url, email);
  const left = stepMs - (Date.now() % stepMs);
  if (left < 10_000) await delay(left);
  const begun = Date.now();
  const begin = await client.post("/auth/two-factor", { password: testPassword });
  const { secret, otpauthUri } = enrolmentSchema.parse(await begin.json());
  expect(otpauthUri).toContain(`secret=${secret}`);
  const code = (steps: number) => new TOTP({ secret }).generate({ timestamp: begun + steps * stepMs });
  const confirm = await client.post("/auth/two-factor/confirm", { code: code(-1) });
  const { recoveryCodes } = codesSchema.parse(await confirm.json());
  return { client, email, secret, recoveryCodes, code };
}

const statusOf = async (client: Client) => (await client.request("/auth/two-factor")).json();
const wrongFor = ({ code }: Enrolled) =>
  ["000000", "111111", "222222", "333333"].find((each) => ![-1, 0, 1].map(code).includes(each)) ?? "";

test("turned on with an authenticator, every login takes a code, each once", async () => {
  const who = await enrolled("ada");
  expect(who.recoveryCodes).toHaveLength(10);
  expect(await statusOf(who.client)).toEqual({ enabled: true, recoveryCodesLeft: 10 });
  await mail.waitFor(mailTo(who.email, /two-factor authentication is on/i));

  expect(await login(who.email)).toBe("401 TWO_FACTOR_REQUIRED");
  expect(await login(who.email, wrongFor(who))).toBe("401 INVALID_CODE");
  // The code that turned it on is used up.
  expect(await login(who.email, who.code(-1))).toBe("401 INVALID_CODE");
  expect(await login(who.email, who.code(0))).toBe("200");
  expect(await login(who.email, who.code(0))).toBe("401 INVALID_CODE");
  expect(await login(who.email, who.code(1))).toBe("200");
  // What lies before a code that was used is used, too.
  expect(await login(who.email, who.code(0))).toBe("401 INVALID_CODE");
});

test("without the password nobody learns that there is a second factor", async () => {
  const who = await enrolled("silent");
  for (const code of [undefined, who.code(0), "000000"])
    expect(await login(who.email, code, "wrong password")).toBe("401 INVALID_CREDENTIALS");
  // And no code was used up by that.
  expect(await login(who.email, who.code(0))).toBe("200");
});

test("one code sent by six at once opens one session", async () => {
  const who = await enrolled("parallel");
  // Fewer than the limit of codes, or that would be what refuses them.
  const outcomes = await Promise.all(Array.from({ length: 6 }, () => login(who.email, who.code(0))));
  expect(outcomes.sort()).toEqual(["200", ...Array(5).fill("401 INVALID_CODE")]);
});

test("a recovery code stands in for the phone, once, and leaves one less", async () => {
  const who = await enrolled("recovery");
  const [first = "", second = ""] = who.recoveryCodes;
  expect(await login(who.email, first)).toBe("200");
  expect(await login(who.email, first)).toBe("401 INVALID_CODE");
  expect(await login(who.email, ` ${second.toLowerCase()} `)).toBe("200");
  expect(await statusOf(who.client)).toEqual({ enabled: true, recoveryCodesLeft: 8 });
  const activity = await (await who.client.request("/users/me/activity")).text();
  expect(activity).toContain("two-factor.recovery-used");
});

test("new recovery codes and turning it off take password and code; afterwards the password is enough", async () => {
  const who = await enrolled("off");
  const send = (path: string, password: string, code: string) =>
    who.client.post(`/auth/two-factor/${path}`, { password, code });
  for (const path of ["disable", "recovery-codes"]) {
    expect(await outcomeOf(send(path, "wrong password", who.code(0)))).toBe("401 INVALID_CREDENTIALS");
    expect(await outcomeOf(send(path, testPassword, wrongFor(who)))).toBe("401 INVALID_CODE");
  }
  const { recoveryCodes } = codesSchema.parse(
    await (await send("recovery-codes", testPassword, who.code(0))).json(),
  );
  expect(await login(who.email, who.recoveryCodes[0])).toBe("401 INVALID_CODE");
  expect(await outcomeOf(send("disable", testPassword, recoveryCodes[0] ?? ""))).toBe("204");
  expect(await login(who.email)).toBe("200");
  expect(await statusOf(who.client)).toEqual({ enabled: false, recoveryCodesLeft: 0 });
  await mail.waitFor(mailTo(who.email, /two-factor authentication is off/i));
});

/** Resets a forgotten password by the link in the mail. */
async function resetByMail(email: string, newPassword: string): Promise<string> {
  await anonymous().post("/auth/password/forgot", { email });
  const token = linkToken(await mail.waitFor(mailTo(email, /reset/i)), "reset-password", publicUrl);
  return outcomeOf(anonymous().post("/auth/password/reset", { token, newPassword }));
}

test("a password reset by mail does not turn it off", async () => {
  const who = await enrolled("reset");
  const token = linkToken(await mail.waitFor(mailTo(who.email, /confirm/i)), "verify-email", publicUrl);
  expect(await outcomeOf(anonymous().post("/auth/email/verify", { token }))).toBe("204");
  const newPassword = "a wholly different passphrase";
  expect(await resetByMail(who.email, newPassword)).toBe("204");
  expect(await login(who.email, undefined, newPassword)).toBe("401 TWO_FACTOR_REQUIRED");
  expect(await login(who.email, who.code(0), newPassword)).toBe("200");
});

test("a stranger who signed up with somebody's address cannot keep him out, nor himself a way in", async () => {
  const stranger = await enrolled("victim");
  const created = await stranger.client.post("/api-keys", { name: "way back", scopes: ["photos:read"] });
  const key = anonymous();
  key.apiKey = z.object({ secret: z.string() }).parse(await created.json()).secret;
  expect(await outcomeOf(key.request("/photos"))).toBe("200");
  const newPassword = "a wholly different passphrase";
  expect(await resetByMail(stranger.email, newPassword)).toBe("204");
  expect(await login(stranger.email, undefined, newPassword)).toBe("200");
  await expect
    .poll(() => outcomeOf(key.request("/photos")), { timeout: 5000, interval: 20 })
    .toBe("401 INVALID_API_KEY");
  await expect
    .poll(() => outcomeOf(stranger.client.request("/photos")), { timeout: 5000, interval: 20 })
    .toBe("401 TOKEN_REVOKED");
});

test("an API key manages none of it", async () => {
  const owner = await Client.signedUp(ocelli.url, "keyed@example.org");
  const created = await owner.post("/api-keys", { name: "key", scopes: ["profile"] });
  const key = anonymous();
  key.apiKey = z.object({ secret: z.string() }).parse(await created.json()).secret;
  expect(await outcomeOf(key.post("/auth/two-factor", { password: testPassword }))).toBe(
    "403 SESSION_REQUIRED",
  );
  expect(await outcomeOf(key.request("/auth/two-factor"))).toBe("403 SESSION_REQUIRED");
});

test("who guesses codes has to wait, even for the right one, and is told how long", async () => {
  const who = await enrolled("guessed");
  // One of eight was spent on turning it on.
  for (let guess = 0; guess < 7; guess++)
    expect(await login(who.email, wrongFor(who))).toBe("401 INVALID_CODE");
  const response = await anonymous().post("/auth/login", {
    email: who.email,
    password: testPassword,
    code: who.code(0),
  });
  expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(await outcomeOf(response)).toBe("429 TOO_MANY_ATTEMPTS");
});

test("neither secrets nor codes are readable in the store or the log", async () => {
  const who = await enrolled("stored");
  const rows = await ocelli.rows("select s::text from auth.second_factors s");
  const codes = await ocelli.rows("select c::text from auth.recovery_codes c");
  expect(rows.length).toBeGreaterThan(0);
  expect(codes.length).toBeGreaterThan(0);
  const decoded = Buffer.from(bytesOf(who.secret)).toString("hex");
  const text = JSON.stringify([rows, codes]) + ocelli.process.output();
  const plain = who.recoveryCodes.map((code) => code.replaceAll("-", ""));
  for (const secret of [who.secret, decoded, ...who.recoveryCodes, ...plain])
    expect(text.toLowerCase()).not.toContain(secret.toLowerCase());
});

function bytesOf(secret: string): Uint8Array {
  return new TOTP({ secret }).secret.bytes;
}

test("after all that, no answer was a fault of the server", async () => {
  expect(await serverFaults(ocelli.process)).toEqual({ answers: 0, logged: [] });
});
