import { recordQueries } from "@ocelli/chassis/database/record-queries";
import { expect, test } from "vitest";
import {
  assignFaces,
  findFacesToDecide,
  insertDistinction,
  listDistinctPairs,
  listRejectedFaces,
  rejectFace,
  unrejectFace,
} from "./decisions.ts";
import { expelRejected, forgetReturned, moveBack, moveToSurvivor, readmit } from "./merge-faces.ts";
import { handOnRejections, takeBackRejections } from "./merge-rejections.ts";
import {
  findMerge,
  insertMerge,
  listMerges,
  listMergesInto,
  type MergeSnapshot,
  markUndone,
  saveMergedFields,
  saveSnapshot,
  setMergedInto,
} from "./merges.ts";
import {
  findByRequest,
  findHolder,
  findPersonRows,
  insertPerson,
  isFaceOf,
  listMembers,
  speakOfPerson,
} from "./people.ts";
import { findPersonStates, listPhotoPeople } from "./people-changes.ts";
import { deletePersons } from "./people-deletion.ts";
import { findFaces, listFaces, listFacesToExport, listPersonPhotos } from "./people-faces.ts";
import { findPersons, listPersons } from "./people-views.ts";
import type { FaceTables } from "./tables.ts";

const at = new Date(0);
const page = { ownerId: "owner", personId: "person", after: "face", limit: 51 };
const parts = { ownerId: "owner", mergeId: "merge", survivorId: "survivor", personIds: ["person"] };
const fields = {
  name: "",
  birth_date: null,
  favorite: false,
  source: "MODEL",
  updated_at: at.toISOString(),
} as const;
const snapshot: MergeSnapshot = { revision: 1, before: fields, spoken: [] };
const merge = { id: "merge", survivorId: "survivor", personIds: ["person"], createdAt: at, snapshot };
const cursor = { favorite: false, faces: 1, name: "a", id: "person" };

test("the SQL of persons is what was reviewed (`vitest -u` accepts a change)", async () => {
  const queries = await recordQueries<FaceTables>("face", {
    findHolder: (db) => findHolder(db, "owner", "person"),
    findPersonRows: (db) => findPersonRows(db, "owner", ["person"]),
    listMembers: (db) => listMembers(db, "owner", ["person"]),
    findByRequest: (db) => findByRequest(db, "owner", "request"),
    insertPerson: (db) =>
      insertPerson(db, { id: "person", ownerId: "owner", name: "a", requestId: null, at }),
    speakOfPerson: (db) =>
      speakOfPerson(db, { ownerId: "owner", personId: "person", at }, { name: "a", hidden: true }),
    isFaceOf: (db) => isFaceOf(db, "owner", "person", "face"),
    "listPersons: favourites first": (db) =>
      listPersons(db, {
        ownerId: "owner",
        filter: { hidden: false },
        order: "favorites",
        after: undefined,
        limit: 51,
      }),
    "listPersons: by faces, behind one": (db) =>
      listPersons(db, {
        ownerId: "owner",
        filter: { hidden: true, named: false },
        order: "faces",
        after: cursor,
        limit: 51,
      }),
    "listPersons: by name, everything asked": (db) =>
      listPersons(db, {
        ownerId: "owner",
        filter: { hidden: false, named: true, query: "a." },
        order: "name",
        after: cursor,
        limit: 51,
      }),
    findPersons: (db) => findPersons(db, "owner", ["person"]),
    findFaces: (db) => findFaces(db, "owner", ["face"]),
    listFaces: (db) => listFaces(db, { ...page, after: { at, id: "face" } }),
    "listFaces: nobody's": (db) => listFaces(db, { ...page, personId: null, after: undefined }),
    listFacesToExport: (db) => listFacesToExport(db, page),
    listPersonPhotos: (db) => listPersonPhotos(db, page),
    findPersonStates: (db) => findPersonStates(db, "owner", ["person"]),
    listPhotoPeople: (db) => listPhotoPeople(db, "owner", ["photo"]),
    findFacesToDecide: (db) => findFacesToDecide(db, "owner", ["face"]),
    assignFaces: (db) => assignFaces(db, "owner", ["face"], "person"),
    "assignFaces: nobody's": (db) => assignFaces(db, "owner", ["face"], null),
    rejectFace: {
      run: (db) => rejectFace(db, { ownerId: "owner", faceId: "face", personId: "person", at }),
      answers: [[], [], [{}]],
    },
    unrejectFace: (db) => unrejectFace(db, "owner", "face", "person"),
    insertDistinction: (db) => insertDistinction(db, { ownerId: "owner", persons: ["b", "a"], at }),
    listDistinctPairs: (db) => listDistinctPairs(db, "owner"),
    listRejectedFaces: (db) => listRejectedFaces(db, page),
    "deletePersons: erase": (db) =>
      deletePersons(db, { ownerId: "owner", personIds: ["person"], erase: true }),
  });
  await expect(queries).toMatchFileSnapshot("people-queries.snap.sql");
});

test("the SQL of merges is what was reviewed (`vitest -u` accepts a change)", async () => {
  const queries = await recordQueries<FaceTables>("face", {
    insertMerge: (db) => insertMerge(db, "owner", merge),
    findMerge: (db) => findMerge(db, "owner", "merge"),
    listMergesInto: (db) => listMergesInto(db, "owner", "survivor"),
    listMerges: (db) => listMerges(db, { ownerId: "owner", after: { at, id: "merge" }, limit: 51 }),
    markUndone: (db) => markUndone(db, "owner", "merge", at),
    saveSnapshot: (db) => saveSnapshot(db, "owner", "merge", snapshot),
    saveMergedFields: (db) => saveMergedFields(db, "owner", "person", fields),
    setMergedInto: (db) => setMergedInto(db, "owner", ["person"], "survivor"),
    moveToSurvivor: (db) => moveToSurvivor(db, parts),
    expelRejected: (db) => expelRejected(db, parts),
    moveBack: (db) => moveBack(db, parts, "holder"),
    readmit: (db) => readmit(db, "owner", ["person"]),
    forgetReturned: (db) => forgetReturned(db, "owner", ["person"]),
    handOnRejections: (db) => handOnRejections(db, parts),
    takeBackRejections: {
      run: (db) => takeBackRejections(db, parts, ["face"]),
      answers: [[{ faceId: "face" }]],
    },
  });
  await expect(queries).toMatchFileSnapshot("merge-queries.snap.sql");
});
