import type { Kysely } from "kysely";
import type { FaceTables } from "./tables.ts";

/** A face's cut-out. */
export interface FaceCrop {
  faceId: string;
  /** JPEG, at most 64 KiB. */
  crop: Uint8Array;
}

/** Stores cut-outs; those of faces seen again are replaced. */
export async function saveCrops(
  db: Kysely<FaceTables>,
  ownerId: string,
  crops: readonly FaceCrop[],
): Promise<void> {
  if (crops.length === 0) return;
  await db
    .insertInto("face_crops")
    .values(crops.map(({ faceId, crop }) => ({ face_id: faceId, owner_id: ownerId, jpeg: crop })))
    .onConflict((conflict) =>
      conflict
        .column("face_id")
        .doUpdateSet((eb) => ({ jpeg: eb.ref("excluded.jpeg") }))
        .where("face_crops.owner_id", "=", ownerId),
    )
    .execute();
}

/** The cut-out of one of the owner's faces; undefined when there is none, or the face is somebody else's. */
export async function findCrop(
  db: Kysely<FaceTables>,
  ownerId: string,
  faceId: string,
): Promise<Uint8Array | undefined> {
  const row = await db
    .selectFrom("face_crops")
    .select("jpeg")
    .where("face_id", "=", faceId)
    .where("owner_id", "=", ownerId)
    .executeTakeFirst();
  return row?.jpeg;
}
