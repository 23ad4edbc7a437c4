import { recordQueries } from "@ocelli/chassis/database/record-queries";
import { expect, test } from "vitest";
import {
  areTogether,
  countFaces,
  giveFaces,
  insertFoundPerson,
  listPersonFaces,
  listStillLoose,
  listUntouched,
  moveFaces,
  takeFaces,
} from "./grouping-changes.ts";
import {
  deleteTombstones,
  findGroupedRevision,
  listChangedFaces,
  listExemplars,
  listFacesToGroup,
  listGoneFaces,
  listLooseFaces,
  listPersonIds,
  listRejectionsOf,
} from "./grouping-faces.ts";
import { findPersonNames, listPairsTogether, listShownPersons } from "./grouping-people.ts";
import {
  advanceRegrouping,
  claimRegrouping,
  findRegrouping,
  finishRegrouping,
  releaseRegroupings,
  requestDueRegroupings,
  requestRegrouping,
} from "./regroup-owners.ts";
import type { FaceTables } from "./tables.ts";

const of = { ownerId: "owner", model: "model" };
const person = { ...of, personId: "person" };
const lease = { holder: "holder", leaseMs: 1, model: "model" };
const state = { ownerId: "owner", phase: "JOIN", cursor: "face" } as const;
const loose = { minQuality: 0.1, upToRevision: 1, after: null, limit: 2 };

test("the store's SQL is what was reviewed (`vitest -u` accepts a change)", async () => {
  const queries = await recordQueries<FaceTables>("face", {
    findGroupedRevision: (db) => findGroupedRevision(db, of),
    listChangedFaces: (db) => listChangedFaces(db, of, 1, ["face"]),
    listGoneFaces: (db) => listGoneFaces(db, "owner", 1, ["face"]),
    deleteTombstones: (db) => deleteTombstones(db, "owner", 1),
    listExemplars: (db) => listExemplars(db, { ...of, perPerson: 2, upToRevision: 1, personIds: ["person"] }),
    listPersonIds: (db) => listPersonIds(db, "owner", { after: "person", limit: 2 }),
    "listLooseFaces: oldest first": (db) => listLooseFaces(db, of, { ...loose, newestFirst: false }),
    "listLooseFaces: newest first": (db) => listLooseFaces(db, of, { ...loose, newestFirst: true }),
    listFacesToGroup: (db) => listFacesToGroup(db, of, "photo"),
    listRejectionsOf: (db) => listRejectionsOf(db, "owner", ["face"]),
    listStillLoose: (db) => listStillLoose(db, "owner", ["face"]),
    giveFaces: (db) => giveFaces(db, "owner", "person", [{ faceId: "face", similarity: 1 }]),
    insertFoundPerson: (db) => insertFoundPerson(db, "owner", "person"),
    "takeFaces: some": (db) => takeFaces(db, "owner", "person", ["face"]),
    "takeFaces: all": (db) => takeFaces(db, "owner", "person", "all"),
    moveFaces: (db) => moveFaces(db, "owner", "person", "other"),
    listUntouched: (db) => listUntouched(db, "owner", ["person"]),
    areTogether: (db) => areTogether(db, "owner", "person", "other"),
    countFaces: { run: (db) => countFaces(db, "owner", "person"), answers: [[{ count: 1 }]] },
    listPersonFaces: (db) => listPersonFaces(db, person, { after: "face", limit: 2 }),
    findPersonNames: (db) => findPersonNames(db, "owner", ["person"]),
    listShownPersons: (db) => listShownPersons(db, "owner", ["person"]),
    listPairsTogether: (db) => listPairsTogether(db, "owner", [{ personId: "person", otherId: "other" }]),
    requestRegrouping: (db) => requestRegrouping(db, "owner"),
    findRegrouping: (db) => findRegrouping(db, "owner"),
    claimRegrouping: (db) => claimRegrouping(db, lease),
    advanceRegrouping: (db) =>
      advanceRegrouping(db, lease, state, { facesSeen: 1, facesAssigned: 1, peopleMade: 1 }),
    finishRegrouping: (db) => finishRegrouping(db, "holder", "owner"),
    releaseRegroupings: (db) => releaseRegroupings(db, "holder"),
    requestDueRegroupings: (db) => requestDueRegroupings(db, { intervalMs: 1, minQuality: 0.1, limit: 2 }),
  });
  await expect(queries).toMatchFileSnapshot("grouping-queries.snap.sql");
});
