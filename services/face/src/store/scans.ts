import type { eventsV1 } from "@ocelli/contracts";
import type { Kysely } from "kysely";
import type { ScannedFace } from "../model/scan.ts";
import { embeddingFromBytes } from "./embeddings.ts";
import { boxOf } from "./faces.ts";
import type { FaceTables } from "./tables.ts";

/** Which models a scan was made with. */
export interface ScanModels {
  /** Decides which faces are found. */
  model: string;
  /** Decides how they are compared. */
  embeddingModel: string;
}

/** Stores that a photo was scanned. */
export async function saveScan(
  db: Kysely<FaceTables>,
  photo: eventsV1.PhotoRef,
  { model, ms }: { model: string; ms: number },
): Promise<void> {
  const { photoId, ownerId, sha256 } = photo;
  await db
    .insertInto("face_scans")
    .values({ photo_id: photoId, owner_id: ownerId, sha256, model, ms })
    .onConflict((conflict) =>
      conflict.column("photo_id").doUpdateSet({ model, ms }).where("face_scans.owner_id", "=", ownerId),
    )
    .execute();
}

/** Forgets that a photo was scanned. */
export async function deleteScan(db: Kysely<FaceTables>, ownerId: string, photoId: string): Promise<void> {
  await db.deleteFrom("face_scans").where("photo_id", "=", photoId).where("owner_id", "=", ownerId).execute();
}

/** Forgets that any photo of an owner was scanned. */
export async function deleteScansOfOwner(db: Kysely<FaceTables>, ownerId: string): Promise<void> {
  await db.deleteFrom("face_scans").where("owner_id", "=", ownerId).execute();
}

/**
 * Faces found in the same bytes by the same models. The one query without an owner: it says what a model sees in the
 * bytes, not whose they are. A scan of which something was erased or is kept by a human's word alone says less or more
 * than that, and is passed over.
 */
export async function findFacesOfBytes(
  db: Kysely<FaceTables>,
  sha256: string,
  models: ScanModels,
): Promise<ScannedFace[] | undefined> {
  // One snapshot: were the scan deleted between the two reads, its photo would look like one without faces.
  return db
    .transaction()
    .setIsolationLevel("repeatable read")
    .setAccessMode("read only")
    .execute(async (trx) => {
      const scan = await findWholeScan(trx, sha256, models);
      return scan && listScannedFaces(trx, scan, models.embeddingModel);
    });
}

async function findWholeScan(
  db: Kysely<FaceTables>,
  sha256: string,
  { model, embeddingModel }: ScanModels,
): Promise<{ photo_id: string; owner_id: string } | undefined> {
  return db
    .selectFrom("face_scans as scan")
    .innerJoin("face_owners as owner", "owner.owner_id", "scan.owner_id")
    .select(["scan.photo_id", "scan.owner_id"])
    .where("scan.sha256", "=", sha256)
    .where("scan.model", "=", model)
    .where("owner.enabled", "=", true)
    .where(({ not, exists, selectFrom, or }) =>
      not(
        exists(
          selectFrom("faces as face")
            .leftJoin("face_embeddings as made", (join) =>
              join.onRef("made.face_id", "=", "face.id").on("made.model", "=", embeddingModel),
            )
            .leftJoin("face_crops as crop", "crop.face_id", "face.id")
            .select("face.id")
            .whereRef("face.photo_id", "=", "scan.photo_id")
            .where("face.detected", "=", true)
            .where((eb) => or([eb("made.face_id", "is", null), eb("crop.face_id", "is", null)])),
        ),
      ),
    )
    .limit(1)
    .executeTakeFirst();
}

async function listScannedFaces(
  db: Kysely<FaceTables>,
  scan: { photo_id: string; owner_id: string },
  embeddingModel: string,
): Promise<ScannedFace[]> {
  const rows = await db
    .selectFrom("faces as face")
    .innerJoin("face_embeddings as made", "made.face_id", "face.id")
    .innerJoin("face_crops as crop", "crop.face_id", "face.id")
    .select(["face.x", "face.y", "face.width", "face.height", "face.score", "face.quality", "face.landmarks"])
    .select(["made.embedding", "crop.jpeg"])
    .where("made.model", "=", embeddingModel)
    .where("face.photo_id", "=", scan.photo_id)
    .where("face.owner_id", "=", scan.owner_id)
    .where("face.detected", "=", true)
    .orderBy("face.score", "desc")
    .execute();
  return rows.map(({ score, quality, landmarks, embedding, jpeg, ...row }) => ({
    box: boxOf(row),
    score,
    quality,
    landmarks,
    embedding: embeddingFromBytes(embedding),
    crop: jpeg,
  }));
}
