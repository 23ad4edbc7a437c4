import { userIdentity } from "@ocelli/testkit";
import { expect, test } from "vitest";
import { createLogger, createRefusalLog } from "../index.ts";

const userId = "01999999-0000-7000-8000-000000000001";
const method = "/ocelli.auth.v1.UserService/ListUsers";

function start() {
  const lines: Array<Record<string, unknown>> = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const time = { ms: 5 };
  const log = createLogger({ level: "info", format: "json", destination });
  const refusals = createRefusalLog({ log, clock: () => time.ms });
  const note = (identity = userIdentity(userId), reason = "SCOPE_REQUIRED") =>
    refusals.note({ method, identity, reason });
  return { lines, time, note };
}

test("a refusal is one line with the method, the reason and ids", () => {
  const { lines, note } = start();
  note();
  expect(lines).toMatchObject([
    { msg: "call refused", level: 30, method, reason: "SCOPE_REQUIRED", actor: "user", actorId: userId },
  ]);
});

test("other errors are none", () => {
  const { lines, note } = start();
  for (const reason of ["ACCOUNT_DISABLED", "INTERNAL", "UNAUTHENTICATED"]) note(undefined, reason);
  expect(lines).toEqual([]);
});

test("ten per minute and actor are logged, the rest is counted", () => {
  const { lines, time, note } = start();
  for (let count = 0; count < 1000; count++) note();
  expect(lines).toHaveLength(10);
  // Somebody else is not hidden behind the noise.
  note(userIdentity("01999999-0000-7000-8000-000000000002"));
  expect(lines).toHaveLength(11);
  time.ms += 60_000;
  note();
  expect(lines.slice(11)).toMatchObject([{ refusals: 990 }, { actorId: userId }]);
});

test("many actors together are bounded as well", () => {
  const { lines, note } = start();
  for (let count = 0; count < 5000; count++) note(userIdentity(`user-${count}`));
  expect(lines).toHaveLength(300);
});
