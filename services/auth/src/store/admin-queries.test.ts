import { recordQueries } from "@ocelli/chassis/database/record-queries";
import type { Kysely, Transaction } from "kysely";
import { expect, test } from "vitest";
import * as audit from "./audit.ts";
import type { AuthTables } from "./tables.ts";
import * as users from "./user-admin.ts";

const at = new Date(0);
const entry = {
  id: "entry",
  at,
  actor: "operator",
  action: "account.deleted",
  subjectUserId: "user",
  targetId: "",
  outcome: "success",
  reason: "",
  address: "",
  userAgent: "",
} as const;
const page = {
  after: "entry",
  action: "session.",
  outcome: "failure",
  from: at,
  until: at,
  limit: 1,
} as const;

const within = (run: (trx: Transaction<AuthTables>) => Promise<unknown>) => (db: Kysely<AuthTables>) =>
  db.transaction().execute(run);

test("the SQL of administration is what was reviewed (`vitest -u` accepts a change)", async () => {
  const deleted = [[{ numAffectedRows: 0n }]];
  const queries = await recordQueries<AuthTables>("auth", {
    "listUsers: first page": (db) => users.listUsers(db, { after: undefined, query: "", limit: 1 }),
    "listUsers: next page, some": (db) =>
      users.listUsers(db, { after: { createdAt: at, id: "user" }, query: "a", limit: 1 }),
    lockAdmins: within((trx) => users.lockAdmins(trx)),
    isActiveAdmin: (db) => users.isActiveAdmin(db, "user"),
    lockUser: within((trx) => users.lockUser(trx, "user")),
    updateUser: within((trx) => users.updateUser(trx, "user", { name: "A", role: "user", disabledAt: at })),
    deleteUser: { run: within((trx) => users.deleteUser(trx, "user")), answers: deleted },
    deleteApiKeysOf: within((trx) => users.deleteApiKeysOf(trx, "user")),
    deleteServiceAccountsOf: within((trx) => users.deleteServiceAccountsOf(trx, "user")),
    insertAuditEntry: (db) => audit.insertAuditEntry(db, entry),
    "listAuditEntries: all": (db) => audit.listAuditEntries(db, { after: undefined, limit: 1 }),
    "listAuditEntries: some": (db) => audit.listAuditEntries(db, page),
    "listAuditEntries: an action": (db) =>
      audit.listAuditEntries(db, { action: "account.deleted", after: undefined, limit: 1 }),
    "listAuditEntries: by or about somebody": (db) =>
      audit.listAuditEntries(db, { userId: "user", after: "entry", limit: 1 }),
    deleteAuditEntries: {
      run: (db) => audit.deleteAuditEntries(db, { before: at, limit: 1 }),
      answers: deleted,
    },
  });
  await expect(queries).toMatchFileSnapshot("admin-queries.snap.sql");
});
