import { recordQueries } from "@ocelli/chassis/database/record-queries";
import { expect, test } from "vitest";
import { findLink, findVisit } from "./album-links.ts";
import { saveClosure } from "./disabled-owners.ts";
import { deleteMade, deleteUnfinishedUploads, endSharesGiven } from "./dispossession.ts";
import type { LibraryTables } from "./tables.ts";

const at = new Date(0);
const whose = { ownerId: "owner", until: at };

test("the SQL of closed and dispossessed accounts is what was reviewed (`vitest -u` accepts a change)", async () => {
  const queries = await recordQueries<LibraryTables>("library", {
    saveClosure: (db) => saveClosure(db, { ownerId: "owner", disabled: true, eventId: "event" }),
    findLink: (db) => findLink(db, Buffer.of(), at),
    findVisit: (db) => findVisit(db, Buffer.of(), at),
    "deleteMade: links": (db) => deleteMade(db, "album_links", whose, 20),
    "deleteMade: webhooks": (db) => deleteMade(db, "webhooks", whose, 1),
    deleteUnfinishedUploads: (db) => deleteUnfinishedUploads(db, whose),
    endSharesGiven: {
      run: (db) => db.transaction().execute((trx) => endSharesGiven(trx, whose, 100)),
      answers: [[], [{ albumId: "album" }, { albumId: "album" }], []],
    },
  });
  await expect(queries).toMatchFileSnapshot("account-queries.snap.sql");
});
