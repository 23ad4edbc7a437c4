import { recordQueries } from "@ocelli/chassis/database/record-queries";
import { expect, test } from "vitest";
import * as mails from "./mails.ts";
import type { AuthTables } from "./tables.ts";

const at = new Date(0);
const claimed = { id: "mail", attempt: 1 };
const mail = {
  id: "mail",
  userId: "user",
  recipient: "a@b.c",
  template: "welcome",
  content: Buffer.of(1),
  encrypted: true,
  createdAt: at,
};

test("the store's SQL is what was reviewed (`vitest -u` accepts a change)", async () => {
  const queries = await recordQueries<AuthTables>("auth", {
    insertMail: (db) => db.transaction().execute((trx) => mails.insertMail(trx, mail)),
    claimMails: (db) => mails.claimMails(db, { now: at, leaseUntil: at, limit: 4 }),
    deleteMail: (db) => mails.deleteMail(db, claimed),
    postponeMail: (db) => mails.postponeMail(db, claimed, { nextAttemptAt: at, error: "ESOCKET" }),
  });
  await expect(queries).toMatchFileSnapshot("mails.snap.sql");
});
