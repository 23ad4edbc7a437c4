import { recordQueries } from "@ocelli/chassis/database/record-queries";
import { expect, test } from "vitest";
import { deleteDecisions, keepPairs, listKeptPairs, unkeepPairs } from "./duplicate-decisions.ts";
import { listKnownPairs, listNewestOfGroups, listOpenPairs, replacePairs } from "./duplicate-pairs.ts";
import {
  deletePicture,
  findMarksOfBytes,
  findNearHashes,
  findPicture,
  findSameBytes,
  savePicture,
} from "./duplicate-pictures.ts";
import { listComparablePhotos } from "./duplicates.ts";
import { findOldestYear, listMemorySpans } from "./memories.ts";
import { isPhotoOf } from "./own-photos.ts";
import {
  countSmartAlbums,
  deleteSmartAlbum,
  findByRequest,
  findSmartAlbum,
  insertSmartAlbum,
  listSmartAlbums,
  lockSmartAlbums,
  updateSmartAlbum,
} from "./smart-albums.ts";
import { listAlbumNames, listPersonNames, listWords } from "./suggestions.ts";
import type { SearchTables } from "./tables.ts";

const photo = { photoId: "photo", ownerId: "owner", sha256: "bytes" };
const marks = { hash: 5n, turned: [1n, 2n, 3n], sharpness: 0.5 };
const at = new Date(0);
const albumRow = { id: "album", ownerId: "owner", name: "Cats", query: "cat", filter: Buffer.alloc(0) };
const typed = { ownerId: "owner", typed: "ca", limit: 20 };

test("the SQL of duplicates is what was reviewed (`vitest -u` accepts a change)", async () => {
  const pair = { otherId: "other", exact: false, distance: 2 };
  const hashes = { hash: 5n, turned: [1n, 2n, 3n], values: [1, 2] };
  const scope = { ownerId: "owner", exactOnly: false };
  const queries = await recordQueries<SearchTables>("search", {
    savePicture: (db) => savePicture(db, photo, marks),
    findMarksOfBytes: (db) => findMarksOfBytes(db, "bytes"),
    findPicture: (db) => findPicture(db, photo),
    findSameBytes: (db) => findSameBytes(db, { ...photo, limit: 20 }),
    findNearHashes: (db) =>
      findNearHashes(db, { ...photo, ...hashes, maxDistance: 10, maxTurnedDistance: 4, limit: 60 }),
    deletePicture: (db) => deletePicture(db, photo),
    listKnownPairs: (db) => listKnownPairs(db, photo),
    replacePairs: {
      run: (db) => replacePairs(db, photo, { pairs: [pair], before: [{ otherId: "old", version: "7" }] }),
      answers: [[{ photoId: "photo" }, { photoId: "other" }]],
    },
    listNewestOfGroups: (db) => listNewestOfGroups(db, { ...scope, before: "photo", limit: 21 }),
    listOpenPairs: (db) => listOpenPairs(db, { ...scope, photoIds: ["photo"] }),
    listComparablePhotos: (db) => listComparablePhotos(db, "owner", ["photo"]),
    keepPairs: (db) => keepPairs(db, "owner", ["a", "b"]),
    unkeepPairs: (db) => unkeepPairs(db, "owner", ["a", "b"]),
    listKeptPairs: (db) => listKeptPairs(db, "owner", ["a", "b"]),
    deleteDecisions: (db) => deleteDecisions(db, photo),
  });
  await expect(queries).toMatchFileSnapshot("duplicate-queries.snap.sql");
});

test("the SQL of memories, smart albums and suggestions is what was reviewed", async () => {
  const after = { sort: "cats", id: "album" };
  const queries = await recordQueries<SearchTables>("search", {
    isPhotoOf: (db) => isPhotoOf(db, "owner", "photo"),
    findOldestYear: (db) => findOldestYear(db, "owner"),
    listMemorySpans: (db) =>
      listMemorySpans(db, { ownerId: "owner", spans: [{ year: 1970, from: at, until: at }], limit: 50 }),
    lockSmartAlbums: (db) => lockSmartAlbums(db, "owner"),
    findByRequest: (db) => findByRequest(db, "owner", "request"),
    countSmartAlbums: {
      run: (db) => countSmartAlbums(db, "owner"),
      answers: [[{ count: 0 }]],
    },
    insertSmartAlbum: {
      run: (db) => insertSmartAlbum(db, { ...albumRow, requestId: null, createdAt: at }),
      answers: [[{}]],
    },
    findSmartAlbum: (db) => findSmartAlbum(db, "owner", "album"),
    listSmartAlbums: (db) => listSmartAlbums(db, { ownerId: "owner", after, limit: 21 }),
    updateSmartAlbum: (db) => updateSmartAlbum(db, { ownerId: "owner", id: "album", at }, { name: "Dogs" }),
    deleteSmartAlbum: (db) => deleteSmartAlbum(db, "owner", "album"),
    listPersonNames: (db) => listPersonNames(db, typed),
    listAlbumNames: (db) => listAlbumNames(db, typed),
    listWords: (db) => listWords(db, typed),
  });
  await expect(queries).toMatchFileSnapshot("finding-queries.snap.sql");
});
