import { AppError, unauthenticated } from "@ocelli/chassis";
import { Status } from "nice-grpc";
import { beforeEach, describe, expect, it } from "vitest";
import { type ApiKeyTokens, createApiKeyTokens } from "./api-keys.ts";

const origin = { address: "192.0.2.1", userAgent: "test" };
const key = (letter: string) => `ocelli_ak_${letter.repeat(43)}`;

let now: number;
let asked: string[];
let guesses: number;
let revoked: Set<string>;
let answer: (apiKey: string) => Promise<{ accessToken: string; expiresIn: number; apiKeyId: string }>;
let keys: ApiKeyTokens;

beforeEach(() => {
  now = 0;
  asked = [];
  guesses = 0;
  revoked = new Set();
  answer = async (apiKey) => ({
    accessToken: `token ${asked.length}`,
    expiresIn: 600,
    apiKeyId: `id ${apiKey}`,
  });
  keys = createApiKeyTokens({
    exchange: (apiKey) => {
      asked.push(apiKey);
      return answer(apiKey);
    },
    revocations: { isRevoked: (id) => revoked.has(id) },
    admit: () => {
      if (guesses >= 5)
        throw new AppError({ code: Status.RESOURCE_EXHAUSTED, reason: "FULL", message: "Full." });
    },
    onRefused: () => {
      guesses += 1;
    },
    now: () => new Date(now),
    maxKept: 3,
  });
});

const tokenFor = (letter: string) => keys.tokenFor(key(letter), origin);
const refusal = (promise: Promise<unknown>) => promise.then(String, (error) => AppError.from(error).reason);

describe("API keys", () => {
  it("are exchanged once until shortly before the token expires", async () => {
    const first = await tokenFor("a");
    now = 569_000;
    expect(await tokenFor("a")).toBe(first);
    now = 570_000;
    expect(await tokenFor("a")).not.toBe(first);
    expect(asked).toHaveLength(2);
  });

  it("are exchanged once for all who ask at the same time", async () => {
    const tokens = await Promise.all(Array.from({ length: 100 }, () => tokenFor("a")));
    expect([new Set(tokens).size, asked.length]).toEqual([1, 1]);
  });

  it("end at once when revoked, also while being exchanged", async () => {
    await tokenFor("a");
    revoked.add(`id ${key("a")}`);
    expect(await refusal(tokenFor("a"))).toBe("INVALID_API_KEY");
    const running = tokenFor("b");
    revoked.add(`id ${key("b")}`);
    expect(await refusal(running)).toBe("INVALID_API_KEY");
    expect(asked).toHaveLength(2);
  });

  it("that are none are remembered for some seconds", async () => {
    answer = async () => Promise.reject(unauthenticated("INVALID_API_KEY", "No."));
    for (let times = 0; times < 50; times += 1) expect(await refusal(tokenFor("a"))).toBe("INVALID_API_KEY");
    expect([asked.length, guesses]).toEqual([1, 1]);
    now = 3_001;
    expect(await refusal(tokenFor("a"))).toBe("INVALID_API_KEY");
    expect(asked).toHaveLength(2);
  });

  it("that are guessed do not reach auth without end", async () => {
    answer = async () => Promise.reject(unauthenticated("INVALID_API_KEY", "No."));
    const reasons: string[] = [];
    for (const letter of "abcdefgh") reasons.push(await refusal(tokenFor(letter)));
    expect(reasons).toEqual([...Array(5).fill("INVALID_API_KEY"), ...Array(3).fill("FULL")]);
    expect(asked).toHaveLength(5);
  });

  it("are asked for again when auth was away", async () => {
    answer = async () =>
      Promise.reject(new AppError({ code: Status.UNAVAILABLE, reason: "UNAVAILABLE", message: "Away." }));
    expect(await refusal(tokenFor("a"))).toBe("UNAVAILABLE");
    answer = async () => ({ accessToken: "token", expiresIn: 600, apiKeyId: "id" });
    expect(await tokenFor("a")).toBe("token");
  });

  it("do not fill the memory: those used last stay", async () => {
    for (const letter of "abc") await tokenFor(letter);
    await tokenFor("a");
    await tokenFor("d");
    expect(asked).toHaveLength(4);
    await tokenFor("a");
    expect(asked).toHaveLength(4);
    await tokenFor("b");
    expect(asked).toHaveLength(5);
  });

  it.each([
    ["", "nothing"],
    ["ocelli_ak_", "a prefix alone"],
    [key("a").slice(0, -1), "one character less"],
    [`${key("a")}a`, "one more"],
    [key("ä"), "other letters"],
    [`ocelli_rt_${"a".repeat(43)}`, "another kind"],
    [`${key("a")}\n`, "a line break"],
    ["x".repeat(1_000_000), "a million characters"],
  ])("that cannot be any never reach auth: %#", async (text) => {
    expect(await refusal(keys.tokenFor(text, origin))).toBe("INVALID_API_KEY");
    expect([asked.length, guesses]).toEqual([0, 1]);
  });
});
