import { recordQueries } from "@ocelli/chassis/database/record-queries";
import type { Kysely, Transaction } from "kysely";
import { expect, test } from "vitest";
import * as apiKeys from "./api-keys.ts";
import * as refreshTokens from "./refresh-tokens.ts";
import * as revocations from "./revocations.ts";
import * as serviceAccounts from "./service-accounts.ts";
import * as sessions from "./sessions.ts";
import * as keys from "./signing-keys.ts";
import type { AuthTables } from "./tables.ts";

const at = new Date(0);
const hash = Buffer.of(1);
const token = { tokenHash: hash, sessionId: "session", issuedAt: at, expiresAt: at };
const used = { tokenHash: hash, usedAt: at, successorSealed: hash };
const origin = { address: "192.0.2.1", userAgent: "agent" };
const session = {
  id: "session",
  userId: "user",
  createdAt: at,
  expiresAt: at,
  method: "password",
  ...origin,
};
const openAt = { now: at, idleSince: at };
const key = {
  kid: "k",
  x: "x",
  privateKey: hash,
  encrypted: true,
  status: "active",
  createdAt: at,
  activatesAt: at,
  retiredAt: null,
} as const;
const apiKey = {
  id: "key",
  userId: "user",
  name: "A",
  prefix: "p",
  secretHash: hash,
  scopes: ["search"],
  createdAt: at,
  expiresAt: null,
};
const { prefix: _, expiresAt: __, ...serviceAccount } = apiKey;
const touch = { id: "key", at, unlessSince: at };

const within = (run: (trx: Transaction<AuthTables>) => Promise<unknown>) => (db: Kysely<AuthTables>) =>
  db.transaction().execute(run);

test("the store's SQL is what was reviewed (`vitest -u` accepts a change)", async () => {
  const queries = await recordQueries<AuthTables>("auth", {
    lockOwner: within((trx) => sessions.lockOwner(trx, "user")),
    insertSession: within((trx) => sessions.insertSession(trx, session)),
    findSightings: {
      run: within((trx) => sessions.findSightings(trx, { userId: "user", ...origin })),
      answers: [[{ id: "session" }]],
    },
    listSessionsBeyond: within((trx) => sessions.listSessionsBeyond(trx, "user", openAt, 100)),
    "listOpenSessions: first page": (db) =>
      sessions.listOpenSessions(db, "user", openAt, { limit: 1, after: undefined }),
    "listOpenSessions: next page": (db) =>
      sessions.listOpenSessions(db, "user", openAt, { limit: 1, after: { lastUsedAt: at, id: "session" } }),
    lockSession: within((trx) => sessions.lockSession(trx, "session")),
    touchSession: within((trx) => sessions.touchSession(trx, { id: "session", usedAt: at, ...origin })),
    "markRevoked: one": within((trx) =>
      sessions.markRevoked(trx, { userId: "user", ids: ["session"] }, { at, reason: "logout" }),
    ),
    "markRevoked: others": within((trx) =>
      sessions.markRevoked(trx, { userId: "user", except: "session" }, { at, reason: "revoked" }),
    ),
    deleteEndedSessions: {
      run: (db) => sessions.deleteEndedSessions(db, at, 1_000).catch(() => undefined),
    },
    insertRefreshToken: within((trx) => refreshTokens.insertRefreshToken(trx, token)),
    findSessionOfToken: (db) => refreshTokens.findSessionOfToken(db, hash),
    findRefreshToken: within((trx) => refreshTokens.findRefreshToken(trx, hash)),
    markUsed: within((trx) => refreshTokens.markUsed(trx, used)),
    countApiKeys: (db) => apiKeys.countApiKeys(db, "user"),
    insertApiKey: { run: within((trx) => apiKeys.insertApiKey(trx, apiKey)), answers: [[apiKey]] },
    listApiKeys: (db) => apiKeys.listApiKeys(db, "user", { limit: 1, before: "key" }),
    deleteApiKey: within((trx) => apiKeys.deleteApiKey(trx, { userId: "user", id: "key" })),
    findApiKeyByHash: (db) => apiKeys.findApiKeyByHash(db, hash),
    touchApiKey: (db) => apiKeys.touchApiKey(db, touch),
    countServiceAccounts: (db) => serviceAccounts.countServiceAccounts(db),
    insertServiceAccount: within((trx) => serviceAccounts.insertServiceAccount(trx, serviceAccount)),
    listServiceAccounts: (db) => serviceAccounts.listServiceAccounts(db, { limit: 1, after: "a" }),
    deleteServiceAccount: within((trx) => serviceAccounts.deleteServiceAccount(trx, "account")),
    findServiceAccount: (db) => serviceAccounts.findServiceAccount(db, "name"),
    touchServiceAccount: (db) => serviceAccounts.touchServiceAccount(db, touch),
    insertRevocations: within((trx) => revocations.insertRevocations(trx, ["session"], at)),
    listRevocations: (db) => revocations.listRevocations(db, at, 1),
    listSigningKeys: (db) => keys.listSigningKeys(db),
    insertSigningKey: (db) => keys.insertSigningKey(db, key),
    lockRotation: within((trx) => keys.lockRotation(trx)),
    retireActiveKey: within((trx) => keys.retireActiveKey(trx, at)),
    deleteRetiredKeys: (db) => keys.deleteRetiredKeys(db, at),
    replacePrivateKey: (db) => keys.replacePrivateKey(db, "k", hash),
  });
  await expect(queries).toMatchFileSnapshot("queries.snap.sql");
});
