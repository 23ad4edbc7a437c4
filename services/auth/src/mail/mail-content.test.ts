import { Secret } from "@ocelli/chassis";
import { expect, test } from "vitest";
import { createMailContents } from "./mail-content.ts";
import { mailRetryDelaysMs } from "./retry-schedule.ts";

const mail = { template: "reset-password", name: "Ada", token: "ocelli_at_secret" } as const;
const secret = new Secret("a secret of these tests");

test("a mail is sealed with the secret, for its own id", () => {
  const contents = createMailContents(secret);
  const sealed = contents.seal("one", mail);
  expect(sealed.encrypted).toBe(true);
  expect(sealed.content.toString("latin1")).not.toContain("ocelli_at_");
  expect(contents.open("one", sealed)).toEqual(mail);
  expect(() => contents.open("two", sealed)).toThrow();
  expect(() => createMailContents(new Secret("another secret, as long")).open("one", sealed)).toThrow();
  expect(() => createMailContents(undefined).open("one", sealed)).toThrow("AUTH_KEY_SECRET");
});

test("a mail stored before there was a secret can still be read", () => {
  const readable = createMailContents(undefined).seal("one", mail);
  expect(readable.encrypted).toBe(false);
  expect(createMailContents(secret).open("one", readable)).toEqual(mail);
});

test.each([
  "",
  "{}",
  '{"template":"reset-password","name":1,"token":"t"}',
  '{"template":"other","name":"a"}',
])("%j is not a mail", (text) => {
  const stored = { content: Buffer.from(text), encrypted: false };
  expect(() => createMailContents(undefined).open("one", stored)).toThrow();
});

test("twelve attempts take about two days", () => {
  expect(mailRetryDelaysMs).toHaveLength(11);
  const hours = mailRetryDelaysMs.reduce((sum, ms) => sum + ms, 0) / 3_600_000;
  expect(hours).toBeGreaterThan(44);
  expect(hours).toBeLessThan(50);
});
