import { recordQueries } from "@ocelli/chassis/database/record-queries";
import type { Kysely, Transaction } from "kysely";
import { expect, test } from "vitest";
import * as tokens from "./action-tokens.ts";
import * as attempts from "./attempts.ts";
import type { AuthTables } from "./tables.ts";
import * as users from "./users.ts";

const at = new Date(0);
const key = Buffer.of(1);
const user = {
  id: "user",
  email: "A@b.c",
  emailCanonical: "a@b.c",
  name: "A",
  role: "user",
  passwordHash: "x",
  createdAt: at,
  emailVerifiedAt: null,
} as const;
const token = {
  tokenHash: key,
  userId: "user",
  purpose: "verify-email",
  email: "A@b.c",
  emailCanonical: "a@b.c",
  createdAt: at,
  expiresAt: at,
} as const;
const email = { userId: "user", email: "A@b.c", emailCanonical: "a@b.c", verifiedAt: at };
const failure = { key, at, free: 5, longestDelayMs: 900_000, forgetAfterMs: 86_400_000 };

const within = (run: (trx: Transaction<AuthTables>) => Promise<unknown>) => (db: Kysely<AuthTables>) =>
  db.transaction().execute(run);

test("the SQL of accounts and limits is what was reviewed (`vitest -u` accepts a change)", async () => {
  const queries = await recordQueries<AuthTables>("auth", {
    findUserIdByEmail: (db) => users.findUserIdByEmail(db, "a@b.c"),
    findCredentials: (db) => users.findCredentials(db, "a@b.c"),
    findCredentialsOf: (db) => users.findCredentialsOf(db, "user"),
    lockCredentials: within((trx) => users.lockCredentials(trx, "user")),
    findUser: (db) => users.findUser(db, "user"),
    "insertUser: the first": within((trx) => users.insertUser(trx, user)),
    "insertUser: any other": {
      run: within((trx) => users.insertUser(trx, user)),
      answers: [[{ id: "somebody" }]],
    },
    updatePassword: within((trx) => users.updatePassword(trx, { userId: "user", passwordHash: "x" })),
    "updatePassword: with proof of the address": within((trx) =>
      users.updatePassword(trx, { userId: "user", passwordHash: "x", emailVerifiedAt: at }),
    ),
    replacePasswordHash: (db) => users.replacePasswordHash(db, { userId: "user", from: "x", to: "y" }),
    updateEmail: within((trx) => users.updateEmail(trx, email)),
    markEmailVerified: within((trx) => users.markEmailVerified(trx, "user", at)),
    deleteLogins: within((trx) => users.deleteLogins(trx, "user")),
    insertActionToken: within((trx) => tokens.insertActionToken(trx, token, 2)),
    findActionToken: (db) => tokens.findActionToken(db, { tokenHash: key, purpose: "verify-email", at }),
    takeActionToken: within((trx) =>
      tokens.takeActionToken(trx, { tokenHash: key, purpose: "verify-email", at }),
    ),
    deleteActionTokens: within((trx) => tokens.deleteActionTokens(trx, "user")),
    "deleteActionTokens: but those of one address": within((trx) =>
      tokens.deleteActionTokens(trx, "user", { verifying: "a@b.c" }),
    ),
    deleteVerifications: within((trx) => tokens.deleteVerifications(trx, email)),
    deletePendingChanges: within((trx) => tokens.deletePendingChanges(trx, email)),
    countAttempt: (db) => attempts.countAttempt(db, { key, max: 5, windowMs: 1000, at }),
    findWindow: (db) => attempts.findWindow(db, key),
    findBlock: (db) => attempts.findBlock(db, key, at),
    takeTurn: (db) => attempts.takeTurn(db, { key, at, free: 5, longestDelayMs: 900_000 }),
    addFailure: (db) => attempts.addFailure(db, failure),
    clearFailures: (db) => attempts.clearFailures(db, key),
    keepMark: (db) => attempts.keepMark(db, { key, at, expiresAt: at }),
    hasMark: (db) => attempts.hasMark(db, key, at),
    purgeAttempts: (db) => attempts.purgeAttempts(db, at, 1000),
  });
  await expect(queries).toMatchFileSnapshot("account-queries.snap.sql");
});
