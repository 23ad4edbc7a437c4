import { recordQueries } from "@ocelli/chassis/database/record-queries";
import { expect, test } from "vitest";
import { newPhotoDetails, type Photo } from "../photo.ts";
import { listIndexPhotos } from "./index-photos.ts";
import { countActiveJobs } from "./job-counts.ts";
import { announceBlobs, findUnused, listLoose, lockBytes, lockUpload, settleLoose } from "./loose-blobs.ts";
import { deletePhotosOf } from "./owners.ts";
import { patchPhotos } from "./photo-changes.ts";
import { deletePhotos, inTrash, listExpired, listTrash } from "./photo-deletion.ts";
import { findFacts } from "./photo-facts.ts";
import { listPhotos, type PhotoPage } from "./photo-list.ts";
import { deleteLateDeliveries, deletePhotoRemains } from "./photo-remains.ts";
import {
  findBytes,
  findContent,
  findExisting,
  findPhoto,
  findShownPhotos,
  insertPhoto,
  isImage,
} from "./photos.ts";
import { countUnfinished, endStage, saveFaceCount, startStages } from "./stages.ts";
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
  takenAtOffsetMinutes: null,
  camera: "",
  lens: "",
  location: null,
  exif: {},
  filename: "a.png",
  ...newPhotoDetails(),
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
  run: undefined,
} as const;
const page: PhotoPage = {
  ownerId: "owner",
  filter: { trashed: false },
  order: { by: "added", descending: true },
  after: undefined,
  limit: 21,
};
const everything: Pick<PhotoPage, "filter" | "order" | "after"> = {
  filter: {
    albumId: "album",
    takenFrom: new Date(0),
    takenUntil: new Date(1),
    camera: "a",
    place: "b",
    favorite: false,
    mediaType: "image/png",
    hasFaces: true,
    failedStage: "ocr",
    hidden: true,
    trashed: true,
  },
  order: { by: "taken", descending: false },
  after: { id: "photo", at: new Date(0) },
};

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
    findShownPhotos: (db) => findShownPhotos(db, "owner", ["photo"]),
    findFacts: (db) => findFacts(db, "owner", ["photo"]),
    listIndexPhotos: (db) => listIndexPhotos(db, { after: "photo", limit: 201 }),
    "listPhotos: newest first": (db) => listPhotos(db, page),
    "listPhotos: everything that can be asked": (db) => listPhotos(db, { ...page, ...everything }),
    "patchPhotos: bulk": (db) => patchPhotos(db, "owner", ["photo"], { trashed: true }),
    "patchPhotos: details": (db) =>
      patchPhotos(db, "owner", ["photo"], { title: "a", hidden: false, takenAt: null }),
    deletePhotos: {
      run: (db) =>
        db
          .transaction()
          .execute((trx) => deletePhotos(trx, { ownerId: "owner", ids: ["photo"], while: inTrash })),
      answers: [[{ sha256: "bytes" }], [], [{ sha256: "bytes" }]],
    },
    deletePhotoRemains: (db) => deletePhotoRemains(db, "owner", ["photo"]),
    deleteLateDeliveries,
    listTrash: (db) => listTrash(db, "owner", 200),
    listExpired: (db) => listExpired(db, 1000, 200),
    findExisting: (db) => findExisting(db, "owner", ["bytes"]),
    saveFaceCount: (db) =>
      saveFaceCount(db, { photoId: "photo", ownerId: "owner" }, 1, { consumer: "c", eventId: "event" }),
    isImage: (db) => isImage(db, "bytes"),
    findContent: (db) => findContent(db, "owner", "photo"),
    startStages: (db) => startStages(db, "owner", "photo", ["scene"]),
    endStage: (db) => endStage(db, end, { consumer: "library-stages", eventId: "event" }),
    countActiveJobs: { run: (db) => countActiveJobs(db) },
    countUnfinished: { run: (db) => countUnfinished(db, 128), answers: [[{ photos: 0 }]] },
  });
  await expect(queries).toMatchFileSnapshot("queries.snap.sql");
});
