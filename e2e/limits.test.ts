import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Client, testPassword } from "./harness/client.ts";
import { dataDirectory, type OcelliProcess, removeFolders, startOcelli } from "./harness/ocelli-process.ts";
import { outcomeOf } from "./harness/problems.ts";

const wrong = "wrong password";
let ocelli: OcelliProcess;

async function start(env: NodeJS.ProcessEnv): Promise<void> {
  ocelli = await startOcelli(["up"], {
    OCELLI_DATA: dataDirectory(),
    OCELLI_EVENTS: "in-process",
    ...env,
  });
}

afterAll(removeFolders);

/** A login from the address that a proxy names. */
function login(email: string, password = testPassword, forwardedFor?: string): Promise<Response> {
  return new Client(ocelli.address).request("/auth/login", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(forwardedFor === undefined ? {} : { "x-forwarded-for": forwardedFor }),
    },
    body: JSON.stringify({ email, password }),
  });
}

/** Status, reason and the seconds to wait, if any. */
async function answerOf(response: Promise<Response>): Promise<{ outcome: string; wait: number }> {
  const answer = await response;
  return { wait: Number(answer.headers.get("retry-after") ?? 0), outcome: await outcomeOf(answer) };
}

describe("behind a proxy that is trusted", () => {
  let admin: Client;

  beforeAll(async () => {
    await start({
      RATE_LIMIT_AUTH: "off",
      RATE_LIMIT_SEARCH: "3/1m",
      TRUSTED_PROXIES: "127.0.0.1",
      AUTH_FREE_FAILURES: "3",
      AUTH_LIMIT_LOGIN_ADDRESS: "12/15m",
      AUTH_LIMIT_LOGIN_ACCOUNT: "20/1h",
    });
    admin = await Client.signedUp(ocelli.address, "admin@example.org");
  });

  afterAll(async () => {
    await ocelli?.end("SIGTERM");
  });

  test("wrong passwords in a row make the next attempt wait, the right one as well, and longer each time", async () => {
    const email = "slow@example.org";
    await Client.signedUp(ocelli.address, email);
    const guess = (password: string) => answerOf(login(email, password, "198.51.100.1"));
    for (let index = 0; index < 3; index++)
      expect(await guess(wrong)).toEqual({ outcome: "401 INVALID_CREDENTIALS", wait: 0 });
    expect(await guess(testPassword)).toEqual({ outcome: "429 TOO_MANY_ATTEMPTS", wait: 1 });
    await delay(1100);
    expect((await guess(wrong)).outcome).toBe("401 INVALID_CREDENTIALS");
    expect(await guess(testPassword)).toEqual({ outcome: "429 TOO_MANY_ATTEMPTS", wait: 2 });
    // Its owner, elsewhere, is not kept out.
    expect((await answerOf(login(email, testPassword, "198.51.100.2"))).outcome).toBe("200");
    await delay(2100);
    expect((await guess(testPassword)).outcome).toBe("200");
    // Then all is forgiven.
    expect((await guess(wrong)).outcome).toBe("401 INVALID_CREDENTIALS");
    expect((await guess(testPassword)).outcome).toBe("200");
  });

  test("one address that tries many accounts is stopped, known or not; another address is not", async () => {
    const outcomes = [];
    for (let index = 0; index < 14; index++)
      outcomes.push((await answerOf(login(`person-${index}@example.org`, wrong, "198.51.100.3"))).outcome);
    expect(outcomes).toEqual([
      ...Array(12).fill("401 INVALID_CREDENTIALS"),
      ...Array(2).fill("429 TOO_MANY_ATTEMPTS"),
    ]);
    const { outcome, wait } = await answerOf(login("admin@example.org", testPassword, "198.51.100.3"));
    expect(outcome).toBe("429 TOO_MANY_ATTEMPTS");
    expect(wait).toBeGreaterThan(10);
    expect((await answerOf(login("admin@example.org", testPassword, "198.51.100.4"))).outcome).toBe("200");
    // What a client puts in front of what the proxy adds is its own invention.
    const invented = "198.51.100.200, 198.51.100.3";
    expect((await answerOf(login("admin@example.org", testPassword, invented))).outcome).toBe(
      "429 TOO_MANY_ATTEMPTS",
    );
    const audit = await admin.request("/audit?action=limit.blocked&outcome=failure");
    const entry = z.object({ reason: z.string(), address: z.string() });
    const { items } = z.object({ items: z.array(entry) }).parse(await audit.json());
    expect(items.map(({ address }) => address)).toContain("198.51.100.3");
  });

  test("many addresses that try one account are stopped; where its owner is known he gets in", async () => {
    const email = "hunted@example.org";
    await Client.signedUp(ocelli.address, email);
    expect((await answerOf(login(email, testPassword, "203.0.113.1"))).outcome).toBe("200");
    const outcomes = [];
    for (let index = 0; index < 22; index++)
      outcomes.push((await answerOf(login(email, wrong, `198.51.100.${100 + index}`))).outcome);
    expect(outcomes.at(-1)).toBe("429 TOO_MANY_ATTEMPTS");
    expect((await answerOf(login(email, testPassword, "198.51.100.250"))).outcome).toBe(
      "429 TOO_MANY_ATTEMPTS",
    );
    expect((await answerOf(login(email, testPassword, "203.0.113.1"))).outcome).toBe("200");
  });

  test("the gateway limits each class of routes by user", async () => {
    const [busy, calm] = [
      await Client.signedUp(ocelli.address, "busy@example.org"),
      await Client.signedUp(ocelli.address, "calm@example.org"),
    ];
    const search = (client: Client) => answerOf(client.request("/search?q=cat"));
    for (let index = 0; index < 3; index++) expect((await search(busy)).outcome).toBe("200");
    const { outcome, wait } = await search(busy);
    expect(outcome).toMatch(/^429 /);
    expect(wait).toBeGreaterThan(0);
    expect((await search(calm)).outcome).toBe("200");
    expect(await outcomeOf(busy.request("/photos"))).toBe("200");
  });
});

describe("without a trusted proxy", () => {
  beforeAll(() => start({ RATE_LIMIT_AUTH: "10/1m", AUTH_LIMIT_SIGN_UP_ADDRESS: "3/1h" }));

  afterAll(async () => {
    await ocelli?.end("SIGTERM");
  });

  test("the header that names a client is not believed: sign-ups and requests count as one address's", async () => {
    const signUp = (index: number) =>
      answerOf(
        new Client(ocelli.address).request("/auth/signup", {
          method: "POST",
          headers: { "content-type": "application/json", "x-forwarded-for": `198.51.100.${index}` },
          body: JSON.stringify({ email: `p${index}@example.org`, password: testPassword, name: "P" }),
        }),
      );
    const outcomes = [];
    for (let index = 0; index < 5; index++) outcomes.push((await signUp(index)).outcome);
    expect(outcomes).toEqual([...Array(3).fill("201"), ...Array(2).fill("429 TOO_MANY_ATTEMPTS")]);
    const logins = [];
    for (let index = 0; index < 6; index++)
      logins.push(await answerOf(login("p0@example.org", testPassword, `198.51.100.${50 + index}`)));
    // Ten requests to /auth a minute: five are spent.
    expect(logins.slice(0, 5).map(({ outcome }) => outcome)).toEqual(Array(5).fill("200"));
    expect(logins[5]?.outcome).toMatch(/^429 /);
    expect(logins[5]?.wait).toBeGreaterThan(0);
  });
});
