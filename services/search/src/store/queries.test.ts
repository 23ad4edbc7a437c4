import { recordQueries } from "@ocelli/chassis/database/record-queries";
import { expect, test } from "vitest";
import { saveAlbum, saveAlbumPhotos } from "./albums.ts";
import {
  allOf,
  anyOf,
  atPlace,
  byCamera,
  inAlbum,
  inPlace,
  isFavorite,
  noneOf,
  ofType,
  says,
  within,
  withLabel,
  withPerson,
} from "./conditions.ts";
import { addToDocument, changeDocument, deleteDocument, markIndexed } from "./documents.ts";
import { countPhotos, listPhotos, readDocuments, readMeanings } from "./found-photos.ts";
import { findKnownWords, findNames, findSimilarWords } from "./lexicon.ts";
import { savePerson, savePhotoPersons } from "./people.ts";
import type { SearchTables } from "./tables.ts";
import { compileWords, matchWords } from "./word-search.ts";

const ownerId = "owner";
const everybody = { ownerId, mayKnowPeople: true };
const photo = { photoId: "photo", ownerId, sha256: "bytes" };
const said = { title: "", description: "", withheld: true, favorite: true, taken_at: null, revision: 1 };
const person = { person_id: "person", owner_id: ownerId, name: "", hidden: false, deleted: false };
const album = { album_id: "album", owner_id: ownerId, name: "", deleted: true, revision: 1 };
const word = { texts: ["cat"], phrase: false, typing: true };
const everything =
  allOf([
    anyOf([inAlbum(ownerId, ["album"]), withPerson(ownerId, ["person"]), withLabel("cat")]),
    ofType("png"),
    byCamera("canon"),
    inPlace("paris"),
    atPlace("paris"),
    within({ from: new Date(0), until: new Date(1) }),
    isFavorite(true),
    noneOf(says("'dog'")),
  ]) ?? isFavorite(false);

test("the store's SQL is what was reviewed (`vitest -u` accepts a change)", async () => {
  const queries = await recordQueries<SearchTables>("search", {
    "addToDocument: a caption": (db) =>
      addToDocument(db, photo, { caption: "", caption_event: "event" }, "caption"),
    "addToDocument: nothing but the document": (db) => addToDocument(db, photo, {}),
    "addToDocument: a capture time": (db) => addToDocument(db, photo, { taken_at: null }),
    changeDocument: { run: (db) => changeDocument(db, photo, said), answers: [[{ photo_id: "photo" }]] },
    markIndexed: (db) => markIndexed(db, "photo", new Date(0)),
    deleteDocument: (db) => deleteDocument(db, photo),
    savePerson: (db) => savePerson(db, { ...person, merged_into: null, revision: 1 }),
    savePhotoPersons: (db) => savePhotoPersons(db, ownerId, [{ photoId: "photo", personIds: ["person"] }], 1),
    "saveAlbum: deleted": { run: (db) => saveAlbum(db, album), answers: [[{ album_id: "album" }]] },
    saveAlbumPhotos: (db) =>
      saveAlbumPhotos(db, { albumId: "album", ownerId, photoIds: ["photo"], present: true, revision: 1 }),
    findNames: (db) => findNames(db, everybody, ["maria"]),
    findKnownWords: (db) => findKnownWords(db, everybody, ["cat"]),
    findSimilarWords: {
      run: (db) => findSimilarWords(db, everybody, "kiten"),
      answers: [[{ there: true }]],
    },
    compileWords: (db) => compileWords(db, [word]),
    "matchWords: all": (db) =>
      matchWords(db, { ownerId, words: [{ exact: "'cat'", beginning: "'cat':*" }], any: false }),
    "matchWords: any, within a condition": (db) =>
      matchWords(db, {
        ownerId,
        words: [
          { exact: "'cat'", beginning: "" },
          { exact: "'dog'", beginning: "" },
        ],
        any: true,
        within: isFavorite(true),
      }),
    "listPhotos: every condition": (db) => listPhotos(db, { ownerId, within: everything, limit: 10 }),
    "listPhotos: the next page": (db) =>
      listPhotos(db, {
        ownerId,
        within: isFavorite(true),
        after: { moment: "2023-01-01T00:00:00Z", photoId: "photo" },
        limit: 10,
      }),
    countPhotos: (db) => countPhotos(db, ownerId, isFavorite(true)),
    readDocuments: (db) => readDocuments(db, ownerId, ["photo"], [isFavorite(true)]),
    readMeanings: (db) => readMeanings(db, ownerId, ["photo"]),
  });
  await expect(queries).toMatchFileSnapshot("queries.snap.sql");
});
