import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { serviceAccountList } from "./service-account-list.ts";

const secret = "0123456789abcdef";

describe("the list of service accounts", () => {
  test("has names and secrets that do not show", () => {
    const accounts = serviceAccountList.parse(`library:${secret}, face-two:${secret}:with=colon`);
    expect(accounts.map(({ name, secret }) => [name, secret.reveal()])).toEqual([
      ["library", secret],
      ["face-two", `${secret}:with=colon`],
    ]);
    expect(inspect(accounts) + JSON.stringify(accounts)).not.toContain(secret);
  });

  test.each([
    ["no secret", "library"],
    ["a short secret", "library:0123456789abcde"],
    ["a long secret", `library:${"x".repeat(201)}`],
    ["a space in the secret", `library:${secret} ${secret}`],
    ["upper case in the name", `Library:${secret}`],
    ["no name", `:${secret}`],
    ["a long name", `${"a".repeat(42)}:${secret}`],
    ["an empty entry", `library:${secret},`],
    ["a name twice", `library:${secret},library:${secret}`],
    [
      "too many",
      Array.from(
        { length: 101 },
        (_, i) => `a${"b".repeat(i % 40)}${"-c".repeat(i > 39 ? 1 : 0)}:${secret}`,
      ).join(","),
    ],
    ["too much", "x".repeat(30_001)],
  ])("is refused with %s, without quoting it", (_, text) => {
    const parsed = serviceAccountList.safeParse(text);
    expect(parsed.success).toBe(false);
    expect(parsed.error?.message).not.toContain("0123456789");
  });
});
