import { expect, test } from "vitest";
import { Secret } from "../../packages/chassis/src/index.ts";
import { settingGroups } from "./known-settings.ts";

const settings = settingGroups("all").flatMap((group) => Object.values(group));

/** Texts that settings with secrets in them accept. */
const samples = [
  "s".repeat(32),
  "key=value",
  "smtp://user:password@mail.example.org:587",
  "name:0123456789abcdef",
];

function mayHoldSecret(each: (typeof settings)[number]): boolean {
  return samples.some((sample) => {
    const { data } = each.schema.safeParse(sample);
    return (
      data instanceof Secret || (Array.isArray(data) && data.some((item) => item?.secret instanceof Secret))
    );
  });
}

test("every secret can come from a file", () => {
  const secrets = settings.filter(mayHoldSecret);
  expect(secrets.length).toBeGreaterThan(5);
  expect(secrets.filter(({ confidential }) => !confidential).map(({ env }) => env)).toEqual([]);
});

test("so can every URL that may hold a password", () => {
  // Public addresses refuse passwords by their own type.
  const urls = ["postgres://u:p@h/d", "nats://u:p@h", "http://u:p@h"];
  const accepting = settings.filter(
    ({ schema, env }) =>
      urls.some((url) => schema.safeParse(url).success) &&
      !schema.safeParse("no address").success &&
      env !== "S3_ENDPOINT",
  );
  expect(accepting.map(({ env }) => env)).toContain("DATABASE_URL");
  expect(accepting.filter(({ confidential }) => !confidential).map(({ env }) => env)).toEqual([]);
});

test("no setting is called like another one's file", () => {
  const names = new Set(settings.map(({ env }) => env));
  expect([...names].filter((name) => name.endsWith("_FILE") && names.has(name.slice(0, -5)))).toEqual([]);
});
