import { recordQueries } from "@ocelli/chassis/database/record-queries";
import { commonV1 } from "@ocelli/contracts";
import { expect, test } from "vitest";
import { deleteScene, findScene, findSceneOfBytes, saveScene } from "./scenes.ts";
import type { SceneTables } from "./tables.ts";

const photo = { photoId: "photo", ownerId: "owner", sha256: "bytes" };
const scene = commonV1.SceneResult.fromPartial({});

test("the store's SQL is what was reviewed (`vitest -u` accepts a change)", async () => {
  const queries = await recordQueries<SceneTables>("scene", {
    findScene: (db) => findScene(db, "owner", "photo"),
    findSceneOfBytes: (db) => findSceneOfBytes(db, "bytes", "model"),
    saveScene: (db) => saveScene(db, photo, { scene, model: "model", ms: 1 }),
    deleteScene: (db) => deleteScene(db, "owner", "photo"),
  });
  await expect(queries).toMatchFileSnapshot("queries.snap.sql");
});
