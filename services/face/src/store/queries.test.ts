import { recordQueries } from "@ocelli/chassis/database/record-queries";
import { expect, test } from "vitest";
import { deleteFaces, findFacesOfBytes, findScan, saveScan } from "./faces.ts";
import type { FaceTables } from "./tables.ts";

const photo = { photoId: "photo", ownerId: "owner", sha256: "bytes" };
const face = {
  id: "face",
  box: { x: 0, y: 0, width: 1, height: 1 },
  score: 1,
  quality: 1,
  landmarks: [],
  embedding: new Float32Array(128),
};

test("the store's SQL is what was reviewed (`vitest -u` accepts a change)", async () => {
  const queries = await recordQueries<FaceTables>("face", {
    findScan: { run: (db) => findScan(db, "owner", "photo"), answers: [[{ model: "model", ms: 1 }]] },
    findFacesOfBytes: {
      run: (db) => findFacesOfBytes(db, "bytes", "model"),
      answers: [[{ photo_id: "photo" }]],
    },
    saveScan: (db) => saveScan(db, photo, { faces: [face], model: "model", ms: 1 }),
    "saveScan: no face": (db) => saveScan(db, photo, { faces: [], model: "model", ms: 1 }),
    deleteFaces: (db) => deleteFaces(db, "owner", "photo"),
  });
  await expect(queries).toMatchFileSnapshot("queries.snap.sql");
});
