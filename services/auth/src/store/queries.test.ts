import { recordQueries } from "@ocelli/chassis/database/record-queries";
import type { Kysely, Transaction } from "kysely";
import { expect, test } from "vitest";
import * as sessions from "./sessions.ts";
import * as keys from "./signing-keys.ts";
import type { AuthTables } from "./tables.ts";
import * as users from "./users.ts";

const at = new Date(0);
const hash = Buffer.of(1);
const user = {
  id: "user",
  email: "A@b.c",
  emailCanonical: "a@b.c",
  name: "A",
  passwordHash: "x",
  createdAt: at,
};
const token = { tokenHash: hash, sessionId: "session", issuedAt: at, expiresAt: at };
const used = { tokenHash: hash, sessionId: "session", usedAt: at, successorSealed: hash };
const key = { kid: "k", x: "x", privateKey: hash, encrypted: true, status: "active", createdAt: at } as const;

const within = (run: (trx: Transaction<AuthTables>) => Promise<unknown>) => (db: Kysely<AuthTables>) =>
  db.transaction().execute(run);

test("the store's SQL is what was reviewed (`vitest -u` accepts a change)", async () => {
  const queries = await recordQueries<AuthTables>("auth", {
    emailExists: (db) => users.emailExists(db, "a@b.c"),
    findCredentials: (db) => users.findCredentials(db, "a@b.c"),
    findUser: (db) => users.findUser(db, "user"),
    "insertUser: the first": within((trx) => users.insertUser(trx, user)),
    "insertUser: any other": {
      run: within((trx) => users.insertUser(trx, user)),
      answers: [[{ id: "somebody" }]],
    },
    insertSession: within((trx) =>
      sessions.insertSession(trx, { id: "session", userId: "user", createdAt: at, expiresAt: at }),
    ),
    insertRefreshToken: within((trx) => sessions.insertRefreshToken(trx, token)),
    lockRefreshToken: within((trx) => sessions.lockRefreshToken(trx, hash)),
    markUsed: within((trx) => sessions.markUsed(trx, used)),
    findSessionUser: (db) => sessions.findSessionUser(db, "session"),
    revokeSessionOfToken: within((trx) => sessions.revokeSessionOfToken(trx, hash, { at, reason: "logout" })),
    listSigningKeys: (db) => keys.listSigningKeys(db),
    insertSigningKey: (db) => keys.insertSigningKey(db, key),
    replacePrivateKey: (db) => keys.replacePrivateKey(db, "k", hash),
  });
  await expect(queries).toMatchFileSnapshot("queries.snap.sql");
});
