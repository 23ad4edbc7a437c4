import { recordQueries } from "@ocelli/chassis/database/record-queries";
import type { Kysely, Transaction } from "kysely";
import { expect, test } from "vitest";
import * as identities from "./identities.ts";
import * as oidc from "./oidc.ts";
import * as factors from "./second-factors.ts";
import type { AuthTables } from "./tables.ts";

const at = new Date(0);
const hash = Buffer.of(1);
const userId = "user";
const identity = { issuer: "issuer", subject: "subject" };
const pending = {
  stateHash: hash,
  browserHash: hash,
  codeVerifier: hash,
  nonce: "nonce",
  returnTo: "/",
  userId: null,
  sessionId: null,
  expiresAt: at,
};

const within = (run: (trx: Transaction<AuthTables>) => Promise<unknown>) => (db: Kysely<AuthTables>) =>
  db.transaction().execute(run);

test("the SQL of second factors and OpenID logins is what was reviewed (`vitest -u` accepts a change)", async () => {
  const queries = await recordQueries<AuthTables>("auth", {
    findSecondFactor: (db) => factors.findSecondFactor(db, userId),
    "findSecondFactor: locked": within((trx) => factors.findSecondFactor(trx, userId, { lock: true })),
    putEnrolment: (db) => factors.putEnrolment(db, { userId, secret: hash, encrypted: true, createdAt: at }),
    confirmEnrolment: within((trx) =>
      factors.confirmEnrolment(trx, { userId, secret: hash, step: 1, confirmedAt: at }),
    ),
    useStep: (db) => factors.useStep(db, { userId, secret: hash, step: 1 }),
    deleteSecondFactor: {
      run: within((trx) => factors.deleteSecondFactor(trx, userId)),
      answers: [[{ user_id: userId }]],
    },
    replaceRecoveryCodes: within((trx) => factors.replaceRecoveryCodes(trx, userId, [hash])),
    useRecoveryCode: within((trx) => factors.useRecoveryCode(trx, userId, hash)),
    countRecoveryCodes: {
      run: (db) => factors.countRecoveryCodes(db, userId),
      answers: [[{ count: 1 }]],
    },
    listReadableSecrets: (db) => factors.listReadableSecrets(db, 500),
    sealSecret: (db) => factors.sealSecret(db, { userId, readable: hash, sealed: hash }),
    findSessionOpenedAt: (db) => factors.findSessionOpenedAt(db, { id: "session", userId }),
    hasPassword: (db) => factors.hasPassword(db, userId),
    insertOidcLogin: (db) => oidc.insertOidcLogin(db, pending, at),
    takeOidcLogin: (db) => oidc.takeOidcLogin(db, hash),
    findIdentityUser: (db) => identities.findIdentityUser(db, identity),
    insertIdentity: within((trx) => identities.insertIdentity(trx, { ...identity, userId, linkedAt: at })),
    listIdentities: (db) => identities.listIdentities(db, userId),
    deleteIdentity: within((trx) => identities.deleteIdentity(trx, { ...identity, userId })),
    lockAccountByEmail: within((trx) => identities.lockAccountByEmail(trx, "a@b.c")),
    lockAccount: within((trx) => identities.lockAccount(trx, userId)),
  });
  await expect(queries).toMatchFileSnapshot("factor-queries.snap.sql");
});
