import { setTimeout as delay } from "node:timers/promises";
import type { authV1 } from "@ocelli/contracts";
import { type MailServer, natsInstalled, startMailServer } from "@ocelli/testkit";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { TOTP } from "otpauth";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { type AuthReplica, type AuthReplicas, startAuthReplicas } from "./harness/auth-replicas.ts";
import { Client, testPassword as password } from "./harness/client.ts";
import { outcomeOfCall } from "./harness/grpc-services.ts";
import { linkToken, mailTo } from "./harness/mail.ts";
import { removeFolders, runOcelli } from "./harness/ocelli-process.ts";
import { outcomeOf } from "./harness/problems.ts";

const stepMs = 30_000;
// Well below the 15 s after which services ask auth again: the event itself must have come.
const soon = { timeout: 5000, interval: 20 };
const attemptsPerAccount = 8;

describe.skipIf(!natsInstalled)("two replicas of auth on one Postgres (needs nats-server on PATH)", () => {
  let replicas: AuthReplicas;
  let first: AuthReplica;
  let second: AuthReplica;
  let mail: MailServer;
  let newKid: string | undefined;

  beforeAll(async () => {
    mail = await startMailServer();
    replicas = await startAuthReplicas({
      SMTP_URL: mail.url,
      AUTH_LIMIT_LOGIN_ACCOUNT: `${attemptsPerAccount}/1h`,
      AUTH_LONGEST_DELAY: "0s",
      AUTH_KEY_SECRET: "the same for both replicas",
    });
    ({ first, second } = replicas);
  });

  afterAll(async () => {
    await replicas?.dispose();
    await mail?.stop();
    removeFolders();
  });

  const tokens = (answer: { tokens?: authV1.TokenPair | undefined }): authV1.TokenPair => {
    if (!answer.tokens) throw new Error("an answer without tokens");
    return answer.tokens;
  };

  async function signedUp(name: string, on = first): Promise<authV1.TokenPair & { email: string }> {
    const email = `${name}@example.org`;
    await on.auth.signUp({ email, password, name: "Test Person" });
    return { email, ...tokens(await on.auth.login({ email, password, code: "" })) };
  }

  const atLibrary = (bearer: string) =>
    outcomeOfCall(replicas.library.listPhotos({ pageSize: 1, pageToken: "" }, { bearer }));
  const at = (replica: AuthReplica, bearer: string) =>
    outcomeOfCall(replica.auth.getCurrentUser({}, { bearer }));
  const atGateway = (bearer: string) => {
    const client = new Client(replicas.gateway.address);
    client.token = bearer;
    return outcomeOf(client.request("/photos"));
  };

  /** A token's fate at both replicas, and where only the first is known. */
  async function outcomes(bearer: string): Promise<string[]> {
    return Promise.all([at(first, bearer), at(second, bearer), atLibrary(bearer), atGateway(bearer)]);
  }

  const welcome = ["OK", "OK", "OK", "200"];
  const revoked = [...Array(3).fill("UNAUTHENTICATED TOKEN_REVOKED"), "401 TOKEN_REVOKED"];

  async function keysOf({ auth }: AuthReplica): Promise<string[]> {
    const { jwksJson } = await auth.getJwks({});
    const keys = z.object({ keys: z.array(z.object({ kid: z.string() })) }).parse(JSON.parse(jwksJson)).keys;
    return keys.map(({ kid }) => kid).sort();
  }

  const kidOf = (token: string) => decodeProtectedHeader(token).kid ?? "";

  test("started at once they agree on one signing key", async () => {
    const keys = await keysOf(first);
    expect(keys).toHaveLength(1);
    expect(await keysOf(second)).toEqual(keys);
    const [one, other] = [await signedUp("key-one"), await signedUp("key-other", second)];
    expect([kidOf(one.accessToken), kidOf(other.accessToken)]).toEqual([keys[0], keys[0]]);
  });

  test("a key rotated in the store is published by both at once", async () => {
    const [oldKid = ""] = await keysOf(first);
    const { code, stdout, stderr } = await runOcelli(
      ["auth", "rotate-keys", "--database", replicas.databaseUrl],
      { AUTH_KEY_SECRET: "the same for both replicas" },
    );
    expect(code, stderr).toBe(0);
    newKid = /^key (\S+) signs from/.exec(stdout)?.[1];
    expect(await keysOf(first)).toEqual([oldKid, newKid].sort());
    expect(await keysOf(second)).toEqual([oldKid, newKid].sort());
  });

  test("a session opened on one is refreshed on the other, to and fro", async () => {
    let pair: authV1.TokenPair = await signedUp("wanderer");
    const sid = decodeJwt(pair.accessToken).sid;
    for (const replica of [second, first, second]) {
      pair = tokens(await replica.auth.refresh({ refreshToken: pair.refreshToken }));
      expect(decodeJwt(pair.accessToken).sid).toBe(sid);
      expect(await outcomes(pair.accessToken)).toEqual(welcome);
    }
  });

  test("a logout on one ends access at the other, at services and at the gateway that know the first alone", async () => {
    const { accessToken, refreshToken } = await signedUp("leaver");
    expect(await outcomes(accessToken)).toEqual(welcome);
    await second.auth.logout({ refreshToken });
    await expect.poll(() => outcomes(accessToken), soon).toEqual(revoked);
    expect(await outcomeOfCall(first.auth.refresh({ refreshToken }))).toBe(
      "UNAUTHENTICATED INVALID_REFRESH_TOKEN",
    );
  });

  test("an API key deleted on one is worth nothing on the other or at the gateway", async () => {
    const { accessToken } = await signedUp("keyholder");
    const created = await first.apiKeys.createApiKey(
      { name: "key", scopes: ["photos:read", "profile"], expiresAt: undefined },
      { bearer: accessToken },
    );
    const client = new Client(replicas.gateway.address);
    client.apiKey = created.secret;
    expect(await outcomeOf(client.request("/photos"))).toBe("200");
    const exchanged = await second.auth.exchangeApiKey({ apiKey: created.secret });
    expect(await outcomes(exchanged.accessToken)).toEqual(welcome);
    await second.apiKeys.deleteApiKey({ apiKeyId: created.apiKey?.id ?? "" }, { bearer: accessToken });
    await expect.poll(() => outcomeOf(client.request("/photos")), soon).toBe("401 INVALID_API_KEY");
    await expect.poll(() => outcomes(exchanged.accessToken), soon).toEqual(revoked);
    for (const { auth } of [first, second])
      expect(await outcomeOfCall(auth.exchangeApiKey({ apiKey: created.secret }))).toBe(
        "UNAUTHENTICATED INVALID_API_KEY",
      );
  });

  test("100 parallel refreshes of one token, half on each, have one outcome", async () => {
    const { accessToken, refreshToken } = await signedUp("parallel");
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, index) =>
        tokens(await (index % 2 ? first : second).auth.refresh({ refreshToken })),
      ),
    );
    const successors = new Set(answers.map((answer) => answer.refreshToken));
    expect(successors.size).toBe(1);
    const sessions = new Set(
      [accessToken, ...answers.map((answer) => answer.accessToken)].map((token) => decodeJwt(token).sid),
    );
    expect(sessions.size).toBe(1);
    const [successor = ""] = successors;
    tokens(await second.auth.refresh({ refreshToken: successor }));
  });

  test("attempts are counted over both", async () => {
    const email = "nobody@example.org";
    const attempt = (index: number) =>
      outcomeOfCall((index % 2 ? first : second).auth.login({ email, password: "wrong password", code: "" }));
    const answers = [];
    for (let index = 0; index < attemptsPerAccount; index++) answers.push(await attempt(index));
    expect(new Set(answers)).toEqual(new Set(["UNAUTHENTICATED INVALID_CREDENTIALS"]));
    expect([await attempt(0), await attempt(1)]).toEqual(
      Array(2).fill("RESOURCE_EXHAUSTED TOO_MANY_ATTEMPTS"),
    );
    const client = new Client(replicas.gateway.address);
    expect(await outcomeOf(client.post("/auth/login", { email, password }))).toBe("429 TOO_MANY_ATTEMPTS");
  });

  test("in parallel, too: never more than the limit get through", async () => {
    const attempts = Array.from({ length: 30 }, (_, index) =>
      outcomeOfCall(
        (index % 2 ? first : second).auth.login({
          email: "rush@example.org",
          password: "wrong password",
          code: "",
        }),
      ),
    );
    const answers = await Promise.all(attempts);
    const through = answers.filter((answer) => answer === "UNAUTHENTICATED INVALID_CREDENTIALS");
    expect(through).toHaveLength(attemptsPerAccount);
    expect(answers.filter((answer) => answer === "RESOURCE_EXHAUSTED TOO_MANY_ATTEMPTS")).toHaveLength(
      30 - attemptsPerAccount,
    );
  });

  test("a code of the second factor used on one is used up on the other", async () => {
    const left = stepMs - (Date.now() % stepMs);
    if (left < 10_000) await delay(left);
    const begun = Date.now();
    const { email, accessToken } = await signedUp("two-factor");
    const { secret } = await first.twoFactor.beginTwoFactor({ password }, { bearer: accessToken });
    const codeAt = (steps: number) => new TOTP({ secret }).generate({ timestamp: begun + steps * stepMs });
    // Begun on one, confirmed on the other.
    await second.twoFactor.confirmTwoFactor({ code: codeAt(-1) }, { bearer: accessToken });
    const login = (replica: AuthReplica, code: string) =>
      outcomeOfCall(replica.auth.login({ email, password, code }));
    expect(await login(first, "")).toBe("UNAUTHENTICATED TWO_FACTOR_REQUIRED");
    expect(await login(second, codeAt(-1))).toBe("UNAUTHENTICATED INVALID_CODE");
    expect(await login(first, codeAt(0))).toBe("OK");
    expect(await login(second, codeAt(0))).toBe("UNAUTHENTICATED INVALID_CODE");
    const raced = await Promise.all([first, second, first, second].map((each) => login(each, codeAt(1))));
    expect(raced.sort()).toEqual(["OK", ...Array(3).fill("UNAUTHENTICATED INVALID_CODE")]);
  });

  test("each mail is sent once, and its link works on either", async () => {
    const names = Array.from({ length: 10 }, (_, index) => `mailed-${index}`);
    await Promise.all(names.map((name, index) => signedUp(name, index % 2 ? first : second)));
    for (const name of names) {
      const received = await mail.waitFor(mailTo(`${name}@example.org`, /confirm/i), 20_000);
      const token = linkToken(received, "verify-email", "http://localhost:8080");
      expect(await outcomeOfCall(first.auth.verifyEmail({ token }))).toBe("OK");
      expect(await outcomeOfCall(second.auth.verifyEmail({ token }))).toBe(
        "UNAUTHENTICATED INVALID_VERIFICATION_TOKEN",
      );
    }
    // None is left that either could send again.
    await expect.poll(() => rows("select id from auth.mails"), { timeout: 10_000 }).toEqual([]);
    const sent = mail.mails.map(({ envelope, subject }) => `${envelope.to} ${subject}`);
    expect(new Set(sent).size).toBe(sent.length);
  });

  async function rows<Row extends pg.QueryResultRow>(query: string): Promise<Row[]> {
    const client = new pg.Client({ connectionString: replicas.databaseUrl });
    await client.connect();
    try {
      return (await client.query<Row>(query)).rows;
    } finally {
      await client.end();
    }
  }

  test("both sign with the rotated key soon, and tokens of the old one still open everything", async () => {
    const old = await signedUp("before-rotation");
    for (const replica of [first, second]) {
      let pair: authV1.TokenPair = old;
      await expect
        .poll(
          async () => {
            pair = tokens(await replica.auth.refresh({ refreshToken: pair.refreshToken }));
            return kidOf(pair.accessToken);
          },
          { timeout: 80_000, interval: 500 },
        )
        .toBe(newKid);
      expect(await outcomes(pair.accessToken)).toEqual(welcome);
      old.refreshToken = pair.refreshToken;
    }
    expect(await outcomes(old.accessToken)).toEqual(welcome);
  }, 180_000);

  test("one that is killed takes nothing with it: sessions, revocations and mails are the other's, too", async () => {
    const { accessToken, refreshToken } = await signedUp("survivor", second);
    const ended = await signedUp("ended", second);
    await second.auth.logout({ refreshToken: ended.refreshToken });
    await second.process.end("SIGKILL");
    expect(await at(first, accessToken)).toBe("OK");
    const { accessToken: renewed } = tokens(await first.auth.refresh({ refreshToken }));
    expect([await at(first, renewed), await atLibrary(renewed), await atGateway(renewed)]).toEqual([
      "OK",
      "OK",
      "200",
    ]);
    // Whatever the dead one had not told anybody yet, the others ask for every 15 seconds.
    await expect
      .poll(() => outcomes(ended.accessToken).then(([atFirst, , ...others]) => [atFirst, ...others]), {
        timeout: 20_000,
        interval: 100,
      })
      .toEqual([revoked[0], ...revoked.slice(2)]);
    // A mail that was in its hands is sent when its lease has ended, all others at once: none is lost.
    const waiting = (await rows<{ recipient: string }>("select recipient from auth.mails")).map(
      ({ recipient }) => recipient,
    );
    const arrived = mail.mails.flatMap(({ envelope }) => envelope.to);
    for (const name of ["survivor", "ended"])
      expect([...arrived, ...waiting]).toContain(`${name}@example.org`);
  });
});
