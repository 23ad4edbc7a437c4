import { recordQueries } from "@ocelli/chassis/database/record-queries";
import { expect, test } from "vitest";
import { findCrop, saveCrops } from "./crops.ts";
import { addEmbeddings, saveEmbeddings } from "./embeddings.ts";
import { deleteEmptyPersons } from "./empty-persons.ts";
import {
  advancePass,
  dropRetiredModels,
  findActiveModel,
  finishPass,
  holdPass,
  registerModel,
  releasePass,
} from "./face-models.ts";
import { deleteFaces, findScan, listEarlierFaces, markUndetected, saveFaces } from "./faces.ts";
import { listUnfinishedFaces, listUnfinishedPhotos } from "./missing-parts.ts";
import { beginChange, facesEnabled, lockFacesEnabled, writeFacesEnabled } from "./owners.ts";
import { deletePhotoState, savePhotoState } from "./photo-states.ts";
import { deleteScan, deleteScansOfOwner, findFacesOfBytes, saveScan } from "./scans.ts";
import { deleteRecognition, deleteUnspokenFaces, listPhotosModelsNamed } from "./switched-off.ts";
import type { FaceTables } from "./tables.ts";

const photo = { photoId: "photo", ownerId: "owner", sha256: "bytes" };
const embedding = new Float32Array(128);
const face = {
  id: "face",
  box: { x: 0, y: 0, width: 1, height: 1 },
  score: 1,
  quality: 1,
  landmarks: [],
  embedding,
};
const models = { model: "model", embeddingModel: "embedder" };
const lease = { model: "embedder", owner: "replica", leaseMs: 1000 };

test("the store's SQL is what was reviewed (`vitest -u` accepts a change)", async () => {
  const queries = await recordQueries<FaceTables>("face", {
    beginChange: { run: (db) => beginChange(db, "owner"), answers: [[{ revision: 1 }]] },
    facesEnabled: (db) => facesEnabled(db, "owner"),
    lockFacesEnabled: (db) => lockFacesEnabled(db, "owner"),
    writeFacesEnabled: (db) => writeFacesEnabled(db, "owner", false),
    findScan: { run: (db) => findScan(db, "owner", "photo"), answers: [[{ model: "model", ms: 1 }]] },
    listEarlierFaces: (db) => listEarlierFaces(db, "owner", "photo"),
    saveFaces: (db) => saveFaces(db, photo, [face]),
    markUndetected: (db) => markUndetected(db, "owner", ["face"]),
    deleteFaces: (db) => deleteFaces(db, "owner", ["face"]),
    saveScan: (db) => saveScan(db, photo, { model: "model", ms: 1 }),
    deleteScan: (db) => deleteScan(db, "owner", "photo"),
    deleteScansOfOwner: (db) => deleteScansOfOwner(db, "owner"),
    findFacesOfBytes: {
      run: (db) => findFacesOfBytes(db, "bytes", models),
      answers: [[{ photo_id: "photo", owner_id: "owner" }]],
    },
    saveEmbeddings: (db) => saveEmbeddings(db, "owner", "embedder", [{ faceId: "face", embedding }]),
    addEmbeddings: (db) => addEmbeddings(db, "owner", "embedder", [{ faceId: "face", embedding }]),
    saveCrops: (db) => saveCrops(db, "owner", [{ faceId: "face", crop: new Uint8Array(1) }]),
    findCrop: (db) => findCrop(db, "owner", "face"),
    savePhotoState: (db) =>
      savePhotoState(db, { ownerId: "owner", photoId: "photo", withheld: true, revision: 1 }),
    deletePhotoState: (db) => deletePhotoState(db, "owner", "photo"),
    deleteEmptyPersons: (db) => deleteEmptyPersons(db, "owner", ["person"]),
    "deleteEmptyPersons: all": (db) => deleteEmptyPersons(db, "owner"),
    deleteRecognition: (db) => deleteRecognition(db, "owner"),
    deleteUnspokenFaces: (db) => deleteUnspokenFaces(db, "owner"),
    listPhotosModelsNamed: (db) => listPhotosModelsNamed(db, "owner"),
  });
  await expect(queries).toMatchFileSnapshot("queries.snap.sql");
});

test("the SQL of models and their passes is what was reviewed", async () => {
  const queries = await recordQueries<FaceTables>("face", {
    findActiveModel: (db) => findActiveModel(db),
    "registerModel: new": (db) => registerModel(db, { model: "embedder", dimension: 128 }),
    "registerModel: back again": {
      run: (db) => registerModel(db, { model: "embedder", dimension: 128 }),
      answers: [[], [{ model: "embedder", state: "RETIRED" }]],
    },
    holdPass: (db) => holdPass(db, lease),
    releasePass: (db) => releasePass(db, lease),
    advancePass: (db) => advancePass(db, lease, { photoId: "photo", faces: 1, skipped: false }),
    "finishPass: something was missing": {
      run: (db) => finishPass(db, lease),
      answers: [[], [{ state: "FILLING", faces_filled: 1 }]],
    },
    "finishPass: complete": {
      run: (db) => finishPass(db, lease),
      answers: [[], [{ state: "FILLING", faces_filled: 0 }]],
    },
    dropRetiredModels: {
      run: (db) => dropRetiredModels(db, 1000),
      answers: [[], [{ model: "embedder" }]],
    },
    listUnfinishedPhotos: (db) => listUnfinishedPhotos(db, "embedder", { after: "photo", limit: 20 }),
    listUnfinishedFaces: (db) => listUnfinishedFaces(db, "embedder", photo),
  });
  await expect(queries).toMatchFileSnapshot("face-models.snap.sql");
});
