import { recordQueries } from "@ocelli/chassis/database/record-queries";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { exactPhotos, graphWidth, oversampling } from "../vectors/nearest.ts";
import {
  beginFilling,
  countLost,
  countVectors,
  isStored,
  listModels,
  lockActiveModel,
  pointTo,
  registerModel,
  removeModel,
  type StoredModel,
} from "./index-models.ts";
import {
  clearFailures,
  endFilling,
  fillingMark,
  findUnfilled,
  findUnmarked,
  leaseFilling,
  lockDocument,
  releaseFilling,
  sampleOfBoth,
  saveFailure,
} from "./reindex.ts";
import type { SearchTables } from "./tables.ts";
import {
  countIndexed,
  findPhotosWithin,
  findVectorOwner,
  measurePhotos,
  readCodes,
  scanCodes,
  scanGraph,
  scanOwner,
  type VectorQuery,
} from "./vector-search.ts";
import {
  deleteVectors,
  findVectorOfBytes,
  saveVector,
  setVectorsWithheld,
  vectorOfPhoto,
} from "./vectors.ts";

const photo = { photoId: "photo", ownerId: "owner", sha256: "bytes" };
const embedding = Float32Array.of(1, 0);
const halves: StoredModel = {
  number: 1,
  model: "model",
  dimension: 2,
  storage: "halfvec",
  hasGraph: false,
  active: true,
  filling: false,
};
const bytes: StoredModel = { ...halves, number: 2, storage: "bytes" };
const query: VectorQuery = { model: halves, ownerId: "owner", embedding, within: undefined };
const within = sql<boolean>`d.favorite`;

test("the store's SQL is what was reviewed (`vitest -u` accepts a change)", async () => {
  const queries = await recordQueries<SearchTables>("search", {
    saveVector: (db) => saveVector(db, halves, photo, embedding),
    "saveVector: without pgvector": (db) => saveVector(db, bytes, photo, embedding),
    findVectorOfBytes: (db) => findVectorOfBytes(db, halves, "bytes"),
    vectorOfPhoto: (db) => vectorOfPhoto(db, bytes, "owner", "photo"),
    setVectorsWithheld: { run: (db) => setVectorsWithheld(db, photo, true), answers: [[{ number: 1 }]] },
    deleteVectors: { run: (db) => deleteVectors(db, photo), answers: [[{ number: 1 }]] },
    findVectorOwner: (db) => findVectorOwner(db, halves, "owner"),
    countIndexed: (db) => countIndexed(db, halves),
    findPhotosWithin: (db) => findPhotosWithin(db, "owner", within, exactPhotos.halfvec + 1),
    measurePhotos: (db) => measurePhotos(db, query, ["photo"]),
    "measurePhotos: within": (db) => measurePhotos(db, { ...query, within }, ["photo"]),
    "measurePhotos: without pgvector": (db) => measurePhotos(db, { ...query, model: bytes }, ["photo"]),
    scanOwner: (db) => scanOwner(db, query, 10),
    "scanGraph: within": (db) => scanGraph(db, { ...query, within }, 10, graphWidth.least),
    scanCodes: (db) => scanCodes(db, query, oversampling.least),
    readCodes: (db) => readCodes(db, query, 0, 10),
    listModels,
    registerModel: {
      run: (db) => registerModel(db, "model", 2),
      answers: [[], [{ ...halves, has_graph: false }]],
    },
    isStored: (db) => isStored(db, halves),
    pointTo: (db) => pointTo(db, 1),
    beginFilling: (db) => beginFilling(db, 1),
    removeModel: (db) => removeModel(db, 1),
    lockActiveModel,
    countVectors: (db) => countVectors(db, 1),
    countLost: (db) => countLost(db, 1, 2),
    findUnfilled: (db) => findUnfilled(db, halves, 10),
    findUnmarked: (db) => findUnmarked(db, halves, 10),
    fillingMark: (db) => fillingMark(db, halves),
    endFilling: (db) => endFilling(db, halves, "filler"),
    lockDocument: (db) => lockDocument(db, photo),
    saveFailure: (db) => saveFailure(db, halves, photo, "REASON"),
    clearFailures: (db) => clearFailures(db, 1),
    leaseFilling: (db) => leaseFilling(db, "filler", 1_000),
    releaseFilling: (db) => releaseFilling(db, "filler"),
    sampleOfBoth: (db) => sampleOfBoth(db, halves, bytes, 10),
  });
  await expect(queries).toMatchFileSnapshot("vectors.snap.sql");
});
