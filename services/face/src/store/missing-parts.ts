import type { Kysely } from "kysely";
import type { FaceTables } from "./tables.ts";

/** A photo with faces that lack an embedding or a cut-out. */
export interface UnfinishedPhoto {
  photoId: string;
  ownerId: string;
  sha256: string;
}

/** A face that lacks something. */
export interface UnfinishedFace {
  id: string;
  box: { x: number; y: number; width: number; height: number };
  /** Six points in fractions. */
  landmarks: [number, number][];
  hasEmbedding: boolean;
  hasCrop: boolean;
}

/**
 * The next photos, by id, with faces that lack an embedding of a model or a cut-out, of all owners who have face
 * processing turned on. What was erased lacks nothing.
 */
export async function listUnfinishedPhotos(
  db: Kysely<FaceTables>,
  model: string,
  { after, limit }: { after: string | null; limit: number },
): Promise<UnfinishedPhoto[]> {
  const rows = await unfinished(db, model)
    .innerJoin("face_scans as scan", (join) =>
      join.onRef("scan.photo_id", "=", "face.photo_id").onRef("scan.owner_id", "=", "face.owner_id"),
    )
    .innerJoin("face_owners as owner", "owner.owner_id", "face.owner_id")
    .select(["face.photo_id", "face.owner_id", "scan.sha256"])
    .distinct()
    .where("owner.enabled", "=", true)
    .$if(after !== null, (query) => query.where("face.photo_id", ">", after ?? ""))
    .orderBy("face.photo_id")
    .limit(limit)
    .execute();
  return rows.map(({ photo_id, owner_id, sha256 }) => ({ photoId: photo_id, ownerId: owner_id, sha256 }));
}

/** Those faces of a photo that lack something. */
export async function listUnfinishedFaces(
  db: Kysely<FaceTables>,
  model: string,
  { ownerId, photoId }: { ownerId: string; photoId: string },
): Promise<UnfinishedFace[]> {
  const rows = await unfinished(db, model)
    .select(["face.id", "face.x", "face.y", "face.width", "face.height", "face.landmarks"])
    .select(["made.face_id as made_id", "crop.face_id as crop_id"])
    .where("face.photo_id", "=", photoId)
    .where("face.owner_id", "=", ownerId)
    .orderBy("face.id")
    .execute();
  return rows.map(({ id, landmarks, made_id, crop_id, ...box }) => ({
    id,
    box,
    landmarks,
    hasEmbedding: made_id !== null,
    hasCrop: crop_id !== null,
  }));
}

function unfinished(db: Kysely<FaceTables>, model: string) {
  return db
    .selectFrom("faces as face")
    .leftJoin("face_embeddings as made", (join) =>
      join
        .onRef("made.face_id", "=", "face.id")
        .onRef("made.owner_id", "=", "face.owner_id")
        .on("made.model", "=", model),
    )
    .leftJoin("face_crops as crop", (join) =>
      join.onRef("crop.face_id", "=", "face.id").onRef("crop.owner_id", "=", "face.owner_id"),
    )
    .where("face.erased", "=", false)
    .where(({ or, eb }) => or([eb("made.face_id", "is", null), eb("crop.face_id", "is", null)]));
}
