import { recordQueries } from "@ocelli/chassis/database/record-queries";
import { expect, test } from "vitest";
import type { Photo } from "../photo.ts";
import { announceBlobs, findUnused, listLoose, lockBytes, lockUpload, settleLoose } from "./loose-blobs.ts";
import { deletePhotosOf } from "./owners.ts";
import { findBytes, findContent, findPhoto, insertPhoto, listPhotos } from "./photos.ts";
import { countUnfinished, endStage, startStages } from "./stages.ts";
import type { LibraryTables } from "./tables.ts";
import { countPhoto, findUsage, saveQuota } from "./usage.ts";

const photo: Photo = {
  id: "photo",
  ownerId: "owner",
  sha256: "bytes",
  mediaType: "image/png",
  width: 1,
  height: 1,
  sizeBytes: 1,
  takenAt: null,
  exif: {},
  filename: "a.png",
  favorite: false,
  createdAt: new Date(0),
  stages: [],
};
const end = {
  photoId: "photo",
  ownerId: "owner",
  stage: "scene",
  status: "SUCCEEDED",
  attempts: 1,
  error: "",
  model: "model",
  ms: 1,
} as const;

test("the store's SQL is what was reviewed (`vitest -u` accepts a change)", async () => {
  const queries = await recordQueries<LibraryTables>("library", {
    findBytes: (db) => findBytes(db, "owner", "bytes"),
    insertPhoto: (db) => insertPhoto(db, photo),
    lockUpload: (db) => lockUpload(db, "owner", "bytes"),
    lockBytes: (db) => lockBytes(db, ["bytes"]),
    announceBlobs: (db) => announceBlobs(db, "bytes"),
    listLoose: (db) => listLoose(db, 20),
    findUnused: (db) => findUnused(db, ["bytes"]),
    settleLoose: (db) => settleLoose(db, ["bytes"]),
    deletePhotosOf: {
      run: (db) => db.transaction().execute((trx) => deletePhotosOf(trx, "owner", 200)),
      answers: [[{ id: "photo", sha256: "bytes" }]],
    },
    findUsage: (db) => findUsage(db, "owner"),
    countPhoto: { run: (db) => countPhoto(db, "owner", 1), answers: [[{}]] },
    saveQuota: { run: (db) => saveQuota(db, "owner", { maxPhotos: 1, maxBytes: null }), answers: [[{}]] },
    findPhoto: (db) => findPhoto(db, "owner", "photo"),
    "listPhotos: first page": (db) => listPhotos(db, { ownerId: "owner", after: undefined, limit: 21 }),
    "listPhotos: next page": (db) => listPhotos(db, { ownerId: "owner", after: "photo", limit: 21 }),
    findContent: (db) => findContent(db, "owner", "photo"),
    startStages: (db) => startStages(db, "owner", "photo", ["scene"]),
    endStage: (db) => endStage(db, end, { consumer: "library-stages", eventId: "event" }),
    countUnfinished: { run: (db) => countUnfinished(db, 128), answers: [[{ photos: 0 }]] },
  });
  await expect(queries).toMatchFileSnapshot("queries.snap.sql");
});
