import { randomUUID, randomUUIDv7 } from "node:crypto";
import { createLogger, loadSettings } from "@ocelli/chassis";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { TOTP } from "otpauth";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { settings } from "../src/config.ts";
import { openOperator } from "../src/operator.ts";
import {
  cheapHashing,
  createTestClock,
  failureOf,
  type RunningAuth,
  startAuth,
  tokensOf,
} from "./running-auth.ts";
import { mailsTo } from "./sent-mail.ts";

const password = "correct horse battery staple";
const stepMs = 30_000;
const unlimited = {
  AUTH_LIMIT_LOGIN_ADDRESS: "off",
  AUTH_LIMIT_LOGIN_ACCOUNT: "off",
  AUTH_LIMIT_SIGN_UP_ADDRESS: "off",
  AUTH_LIMIT_CODE_ACCOUNT: "off",
  AUTH_LONGEST_DELAY: "0s",
  AUTH_PASSWORD_QUEUE: "200",
};
const clock = createTestClock();
let embedded: EmbeddedDatabase;
let raw: pg.Client;
let auth: RunningAuth;
let count = 0;

beforeAll(async () => {
  embedded = await startEmbeddedDatabase();
  auth = await startAuth({ databaseUrl: embedded.url, clock, env: unlimited });
  raw = new pg.Client({ connectionString: embedded.url });
  await raw.connect();
});

afterAll(async () => {
  await raw?.end();
  await auth?.stop();
  await embedded?.close();
});

// Tests do not share time steps.
beforeEach(() => clock.advance(5 * stepMs));

interface Someone {
  id: string;
  email: string;
  bearer: string;
}

async function signUp(on = auth): Promise<Someone> {
  const email = `someone-${++count}@example.org`;
  const { user } = await on.client.signUp({ email, password, name: "Someone" });
  const { accessToken } = tokensOf(await on.client.login({ email, password }));
  return { id: user?.id ?? "", email, bearer: accessToken };
}

function codeAt(secret: string, offsetMs = 0): string {
  return new TOTP({ secret }).generate({ timestamp: clock.now().getTime() + offsetMs });
}

/** A code that is none of the three accepted. */
function wrongCode(secret: string): string {
  const right = [-stepMs, 0, stepMs].map((offset) => codeAt(secret, offset));
  return ["000000", "111111", "222222", "333333"].find((code) => !right.includes(code)) ?? "";
}

async function enrol(on = auth) {
  const who = await signUp(on);
  const { secret } = await on.twoFactor.beginTwoFactor({ password }, { bearer: who.bearer });
  const { recoveryCodes } = await on.twoFactor.confirmTwoFactor(
    { code: codeAt(secret) },
    { bearer: who.bearer },
  );
  clock.advance(stepMs);
  return { ...who, secret, recoveryCodes };
}

async function auditOf(userId: string): Promise<string[]> {
  const { rows } = await raw.query<{ line: string }>(
    "select action || ' ' || outcome || ' ' || reason as line from auth.audit_log where subject_user_id = $1 order by id",
    [userId],
  );
  return rows.map(({ line }) => line.trim());
}

const logIn = ({ email }: { email: string }, code = "", on = auth) =>
  on.client.login({ email, password, code });

describe("enrolling", () => {
  test("asks for the password, then for a first code, and gives ten recovery codes", async () => {
    const who = await signUp();
    const options = { bearer: who.bearer };
    const begun = await auth.twoFactor.beginTwoFactor({ password }, options);
    expect(begun.otpauthUri).toContain(`secret=${begun.secret}`);
    expect(begun.otpauthUri).toContain(encodeURIComponent(who.email));
    // Nothing has changed yet.
    expect(await auth.twoFactor.getTwoFactor({}, options)).toEqual({ enabled: false, recoveryCodesLeft: 0 });
    tokensOf(await logIn(who));

    const code = codeAt(begun.secret);
    const { recoveryCodes } = await auth.twoFactor.confirmTwoFactor({ code }, options);
    expect(new Set(recoveryCodes).size).toBe(10);
    expect(await auth.twoFactor.getTwoFactor({}, options)).toEqual({ enabled: true, recoveryCodesLeft: 10 });
    expect((await auth.client.getCurrentUser({}, options)).user?.twoFactorEnabled).toBe(true);
    expect((await failureOf(logIn(who))).reason).toBe("TWO_FACTOR_REQUIRED");
    // The code that confirmed it is used up.
    expect((await failureOf(logIn(who, code))).reason).toBe("INVALID_CODE");
    expect(await auditOf(who.id)).toContain("two-factor.enabled success");
  });

  test("is refused with a wrong password, without a login, and where it is on already", async () => {
    const who = await enrol();
    const begin = (options: object, word = password) =>
      failureOf(auth.twoFactor.beginTwoFactor({ password: word }, options));
    expect((await begin({})).reason).toBe("UNAUTHENTICATED");
    expect((await begin({ bearer: who.bearer }, "wrong")).reason).toBe("INVALID_CREDENTIALS");
    expect((await begin({ bearer: who.bearer })).reason).toBe("TWO_FACTOR_ALREADY_ENABLED");
    tokensOf(await logIn(who, codeAt(who.secret)));
  });

  test("begun again forgets the first secret", async () => {
    const { bearer } = await signUp();
    const first = await auth.twoFactor.beginTwoFactor({ password }, { bearer });
    const second = await auth.twoFactor.beginTwoFactor({ password }, { bearer });
    expect(second.secret).not.toBe(first.secret);
    const confirm = (secret: string) => auth.twoFactor.confirmTwoFactor({ code: codeAt(secret) }, { bearer });
    expect((await failureOf(confirm(first.secret))).reason).toBe("INVALID_CODE");
    await confirm(second.secret);
  });

  test("cannot be confirmed with a wrong code, after 30 minutes, twice, or without a beginning", async () => {
    const who = await signUp();
    const { bearer } = who;
    const confirm = (code: string) => failureOf(auth.twoFactor.confirmTwoFactor({ code }, { bearer }));
    expect((await confirm("123456")).reason).toBe("NO_ENROLMENT");
    const { secret } = await auth.twoFactor.beginTwoFactor({ password }, { bearer });
    for (const code of [wrongCode(secret), "", "12345", "1234567", "abcdef", "9".repeat(10_000)]) {
      expect((await confirm(code)).reason).toBe("INVALID_CODE");
    }
    expect(await auditOf(who.id)).toContain("two-factor.enabled failure INVALID_CODE");
    clock.advance(31 * 60_000);
    const again = tokensOf(await logIn(who)).accessToken;
    const late = auth.twoFactor.confirmTwoFactor({ code: codeAt(secret) }, { bearer: again });
    expect((await failureOf(late)).reason).toBe("NO_ENROLMENT");

    const done = await enrol();
    const twice = auth.twoFactor.confirmTwoFactor({ code: codeAt(done.secret) }, { bearer: done.bearer });
    expect((await failureOf(twice)).reason).toBe("NO_ENROLMENT");
  });

  test("confirmed many times at once gives recovery codes once", async () => {
    const { bearer } = await signUp();
    const { secret } = await auth.twoFactor.beginTwoFactor({ password }, { bearer });
    const code = codeAt(secret);
    const attempts = await Promise.allSettled(
      Array.from({ length: 10 }, () => auth.twoFactor.confirmTwoFactor({ code }, { bearer })),
    );
    expect(attempts.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await auth.twoFactor.getTwoFactor({}, { bearer })).toEqual({
      enabled: true,
      recoveryCodesLeft: 10,
    });
  });
});

describe("a login", () => {
  test("takes a code of the step before and of the step after, but none further off", async () => {
    const who = await enrol();
    clock.advance(10 * stepMs);
    for (const offset of [-2 * stepMs, 2 * stepMs]) {
      expect((await failureOf(logIn(who, codeAt(who.secret, offset)))).reason).toBe("INVALID_CODE");
    }
    tokensOf(await logIn(who, codeAt(who.secret, -stepMs)));
    tokensOf(await logIn(who, codeAt(who.secret, stepMs)));
    // A later step was used: the clock does not run backwards.
    expect((await failureOf(logIn(who, codeAt(who.secret)))).reason).toBe("INVALID_CODE");
  });

  test("says nothing of the second factor to who does not know the password", async () => {
    const who = await enrol();
    for (const code of ["", codeAt(who.secret), "000000"]) {
      const failure = await failureOf(auth.client.login({ email: who.email, password: "wrong", code }));
      expect(failure.reason).toBe("INVALID_CREDENTIALS");
    }
    // No code was used up by that.
    tokensOf(await logIn(who, codeAt(who.secret)));
  });

  test("takes a recovery code once, however it is typed", async () => {
    const who = await enrol();
    const [first = "", second = ""] = who.recoveryCodes;
    tokensOf(await logIn(who, first));
    expect((await failureOf(logIn(who, first))).reason).toBe("INVALID_CODE");
    tokensOf(await logIn(who, ` ${second.toLowerCase().replaceAll("-", " ")} `));
    expect((await failureOf(logIn(who, second))).reason).toBe("INVALID_CODE");
    const status = await auth.twoFactor.getTwoFactor({}, { bearer: who.bearer });
    expect(status).toEqual({ enabled: true, recoveryCodesLeft: 8 });
    const used = (await auditOf(who.id)).filter((line) => line === "two-factor.recovery-used success");
    expect(used).toHaveLength(2);
  });

  test("refuses the codes of somebody else", async () => {
    const [who, other] = [await enrol(), await enrol()];
    expect((await failureOf(logIn(who, codeAt(other.secret)))).reason).toBe("INVALID_CODE");
    expect((await failureOf(logIn(who, other.recoveryCodes[0]))).reason).toBe("INVALID_CODE");
    tokensOf(await logIn(other, other.recoveryCodes[0]));
  });

  test("of 100 at once with one code, over two replicas, one succeeds", async () => {
    const replica = await startAuth({ databaseUrl: embedded.url, clock, env: unlimited });
    try {
      for (const kind of ["totp", "recovery"] as const) {
        const who = await enrol();
        const code = kind === "totp" ? codeAt(who.secret) : (who.recoveryCodes[0] ?? "");
        const options = { bearer: who.bearer };
        // Replacing the recovery codes checks a code as a login does.
        const attempts = Array.from({ length: 100 }, (_, index) =>
          (index % 2 ? auth : replica).twoFactor.replaceRecoveryCodes({ password, code }, options),
        );
        const settled = await Promise.allSettled(attempts);
        const failures = settled.filter((each) => each.status === "rejected");
        expect(failures).toHaveLength(99);
        for (const { reason } of failures) {
          expect((await failureOf(Promise.reject(reason))).reason).toBe("INVALID_CODE");
        }
      }
    } finally {
      await replica.stop();
    }
  });
});

describe("turning it off, and replacing recovery codes", () => {
  test("need the password and a code", async () => {
    const who = await enrol();
    const options = { bearer: who.bearer };
    const refusals: Array<[string, string, string]> = [
      ["wrong", codeAt(who.secret), "INVALID_CREDENTIALS"],
      [password, "", "INVALID_CODE"],
      [password, wrongCode(who.secret), "INVALID_CODE"],
      [password, "0000-0000-0000-0000", "INVALID_CODE"],
    ];
    for (const [word, code, reason] of refusals) {
      const proof = { password: word, code };
      expect((await failureOf(auth.twoFactor.disableTwoFactor(proof, options))).reason).toBe(reason);
      expect((await failureOf(auth.twoFactor.replaceRecoveryCodes(proof, options))).reason).toBe(reason);
    }
    const code = codeAt(who.secret);
    const { recoveryCodes } = await auth.twoFactor.replaceRecoveryCodes({ password, code }, options);
    expect(recoveryCodes).toHaveLength(10);
    expect((await failureOf(logIn(who, who.recoveryCodes[0]))).reason).toBe("INVALID_CODE");

    await auth.twoFactor.disableTwoFactor({ password, code: recoveryCodes[0] ?? "" }, options);
    expect(await auth.twoFactor.getTwoFactor({}, options)).toEqual({ enabled: false, recoveryCodesLeft: 0 });
    tokensOf(await logIn(who));
    expect(await auditOf(who.id)).toEqual(
      expect.arrayContaining([
        "two-factor.disabled failure INVALID_CODE",
        "two-factor.recovery-replaced success",
        "two-factor.disabled success",
      ]),
    );
    const again = auth.twoFactor.disableTwoFactor({ password, code: "000000" }, options);
    expect((await failureOf(again)).reason).toBe("TWO_FACTOR_NOT_ENABLED");
  });

  test("are told by mail", async () => {
    const who = await enrol();
    await auth.twoFactor.disableTwoFactor({ password, code: codeAt(who.secret) }, { bearer: who.bearer });
    // Without a mail server the log holds what would have been sent.
    const mails = () => auth.logLines.filter((line) => line.includes(who.email) && /two-factor/i.test(line));
    await expect.poll(() => mails().length, { timeout: 10_000 }).toBe(2);
  });
});

test("who guesses codes has to wait, whichever way he tries them", async () => {
  const strict = await startAuth({
    databaseUrl: embedded.url,
    clock,
    env: { ...unlimited, AUTH_LIMIT_CODE_ACCOUNT: "4/15m" },
  });
  try {
    const who = await enrol(strict); // the first of four
    const disable = (code: string) =>
      strict.twoFactor.disableTwoFactor({ password, code }, { bearer: who.bearer });
    expect((await failureOf(logIn(who, "000000", strict))).reason).toBe("INVALID_CODE");
    expect((await failureOf(disable("000000"))).reason).toBe("INVALID_CODE");
    expect((await failureOf(logIn(who, "000000", strict))).reason).toBe("INVALID_CODE");
    // The right one is refused as well: a limit that lets it through is an oracle.
    const right = codeAt(who.secret);
    for (const attempt of [() => disable(right), () => logIn(who, right, strict)]) {
      const failure = await failureOf(attempt());
      expect(failure.reason).toBe("TOO_MANY_ATTEMPTS");
      expect(failure.retryAfterMs).toBeGreaterThan(0);
    }
    clock.advance(31 * 60_000);
    tokensOf(await logIn(who, codeAt(who.secret), strict));
  } finally {
    await strict.stop();
  }
});

describe("the store", () => {
  test("holds neither recovery codes nor, with AUTH_KEY_SECRET, secrets; older ones are encrypted at the start", async () => {
    const keyed = await startEmbeddedDatabase();
    const client = new pg.Client({ connectionString: keyed.url });
    await client.connect();
    const env = { ...unlimited, AUTH_KEY_SECRET: "a key that encrypts what is stored" };
    const stored = async () =>
      (await client.query("select secret, encrypted from auth.second_factors")).rows[0];
    try {
      const open = await startAuth({ databaseUrl: keyed.url, clock, env: unlimited });
      const who = await enrol(open);
      await open.stop();
      expect(await stored()).toMatchObject({ encrypted: false, secret: Buffer.from(who.secret) });

      const sealed = await startAuth({ databaseUrl: keyed.url, clock, env });
      expect(await stored()).toMatchObject({ encrypted: true });
      expect((await stored()).secret.includes(who.secret)).toBe(false);
      tokensOf(await logIn(who, codeAt(who.secret), sealed));
      const next = await enrol(sealed);
      await sealed.stop();

      const codes = await client.query("select code_hash from auth.recovery_codes");
      for (const { code_hash } of codes.rows) expect(code_hash).toHaveLength(32);
      for (const line of [...open.logLines, ...sealed.logLines]) {
        for (const secret of [who.secret, next.secret, ...next.recoveryCodes])
          expect(line).not.toContain(secret);
      }
    } finally {
      await client.end();
      await keyed.close();
    }
  });
});

describe("a recovery code", () => {
  test("that was used is told by mail, with how many are left", async () => {
    const who = await enrol();
    expect((await failureOf(logIn(who, "AAAAA-AAAAA-AAAAA-AAAAA"))).reason).toBe("INVALID_CODE");
    for (const code of who.recoveryCodes.slice(0, 2)) tokensOf(await logIn(who, code));
    const used = () =>
      mailsTo(auth, who.email).filter(({ subject }) => subject === "A recovery code was used");
    await expect.poll(() => used().length).toBe(2);
    expect(
      used()
        .map(({ text }) => /Codes left: (\d+)\./.exec(text)?.[1])
        .toSorted(),
    ).toEqual(["8", "9"]);
    for (const code of who.recoveryCodes) expect(used().join()).not.toContain(code);
  });
});

test("asking for the code is a step of a login, not a failure; a wrong code is one", async () => {
  const who = await enrol();
  const before = (await auditOf(who.id)).length;
  expect((await failureOf(logIn(who))).reason).toBe("TWO_FACTOR_REQUIRED");
  expect(await auditOf(who.id)).toHaveLength(before);
  expect((await failureOf(logIn(who, wrongCode(who.secret)))).reason).toBe("INVALID_CODE");
  expect((await auditOf(who.id)).slice(before)).toEqual(["session.opened failure INVALID_CODE"]);
});

describe("the operator", () => {
  const withOperator = async (
    work: (operator: Awaited<ReturnType<typeof openOperator>>) => Promise<void>,
  ) => {
    const operator = await openOperator({
      databaseUrl: embedded.url,
      config: loadSettings(settings, cheapHashing),
      log: createLogger({ level: "silent", format: "json" }),
      now: clock.now,
      newId: randomUUIDv7,
    });
    try {
      await work(operator);
    } finally {
      await operator.close();
    }
  };

  test("takes a lost second factor off with its recovery codes, in his own name; the user is told", async () => {
    const [who, other] = [await enrol(), await enrol()];
    await withOperator(({ operatorSecondFactor }) => operatorSecondFactor.reset(who.id));
    tokensOf(await logIn(who));
    const status = await auth.twoFactor.getTwoFactor({}, { bearer: who.bearer });
    expect(status).toEqual({ enabled: false, recoveryCodesLeft: 0 });
    expect((await failureOf(logIn(other))).reason).toBe("TWO_FACTOR_REQUIRED");
    const { rows } = await raw.query(
      "select actor, outcome from auth.audit_log where subject_user_id = $1 and action = 'two-factor.disabled'",
      [who.id],
    );
    expect(rows).toEqual([{ actor: "operator", outcome: "success" }]);
    const codes = await raw.query("select from auth.recovery_codes where user_id = $1", [who.id]);
    expect(codes.rowCount).toBe(0);
    await expect
      .poll(() => mailsTo(auth, who.email).map(({ subject }) => subject), { timeout: 5_000 })
      .toContain("Two-factor authentication is off");
  });

  test("is told when there is none, or nobody", async () => {
    const who = await signUp();
    await withOperator(async ({ operatorSecondFactor }) => {
      const failure = await failureOf(operatorSecondFactor.reset(who.id));
      expect(failure.reason).toBe("TWO_FACTOR_NOT_ENABLED");
      expect((await failureOf(operatorSecondFactor.reset(randomUUID()))).reason).toBe("USER_NOT_FOUND");
    });
    expect(await auditOf(who.id)).not.toContain("two-factor.disabled success");
  });
});
