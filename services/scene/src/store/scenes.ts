import { commonV1, type eventsV1 } from "@ocelli/contracts";
import type { Kysely } from "kysely";
import type { SceneTables } from "./tables.ts";

/** What is stored of one photo. */
export interface StoredScene {
  scene: commonV1.SceneResult;
  model: string;
  ms: number;
}

/** The scene of one photo of one owner. */
export async function findScene(
  db: Kysely<SceneTables>,
  ownerId: string,
  photoId: string,
): Promise<StoredScene | undefined> {
  const row = await db
    .selectFrom("photo_scenes")
    .select(["result", "model", "ms"])
    .where("photo_id", "=", photoId)
    .where("owner_id", "=", ownerId)
    .executeTakeFirst();
  return row && { scene: commonV1.SceneResult.decode(row.result), model: row.model, ms: row.ms };
}

/**
 * A result for the same bytes by the same model. It says nothing about who owns them, so this is the one query
 * without an owner: whoever uploads the bytes may have what the model says of them.
 */
export async function findSceneOfBytes(
  db: Kysely<SceneTables>,
  sha256: string,
  model: string,
): Promise<commonV1.SceneResult | undefined> {
  const row = await db
    .selectFrom("photo_scenes")
    .select("result")
    .where("sha256", "=", sha256)
    .where("model", "=", model)
    .limit(1)
    .executeTakeFirst();
  return row && commonV1.SceneResult.decode(row.result);
}

/** Stores or replaces the scene of a photo. */
export async function saveScene(
  db: Kysely<SceneTables>,
  photo: eventsV1.PhotoRef,
  stored: StoredScene,
): Promise<void> {
  const values = {
    result: commonV1.SceneResult.encode(stored.scene).finish(),
    model: stored.model,
    ms: stored.ms,
  };
  await db
    .insertInto("photo_scenes")
    .values({ photo_id: photo.photoId, owner_id: photo.ownerId, sha256: photo.sha256, ...values })
    .onConflict((conflict) => conflict.column("photo_id").doUpdateSet(values))
    .execute();
}

/** Forgets a photo. */
export async function deleteScene(db: Kysely<SceneTables>, ownerId: string, photoId: string): Promise<void> {
  await db
    .deleteFrom("photo_scenes")
    .where("photo_id", "=", photoId)
    .where("owner_id", "=", ownerId)
    .execute();
}
