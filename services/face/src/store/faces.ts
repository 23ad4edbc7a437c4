import type { eventsV1 } from "@ocelli/contracts";
import type { Kysely, Selectable } from "kysely";
import type { FaceResult } from "../model/analyze.ts";
import type { FaceTables } from "./tables.ts";

/** A face with its stable id. */
export interface StoredFace extends FaceResult {
  id: string;
}

/** What is stored of one photo. */
export interface StoredScan {
  faces: StoredFace[];
  model: string;
  ms: number;
}

/** The faces of one photo of one owner, largest first; undefined until it was scanned. */
export async function findScan(
  db: Kysely<FaceTables>,
  ownerId: string,
  photoId: string,
): Promise<StoredScan | undefined> {
  const scan = await db
    .selectFrom("face_scans")
    .select(["model", "ms"])
    .where("photo_id", "=", photoId)
    .where("owner_id", "=", ownerId)
    .executeTakeFirst();
  return scan && { ...scan, faces: await listFaces(db, ownerId, photoId) };
}

/**
 * Faces found in the same bytes by the same model. The one query without an owner: it says what a model sees in
 * the bytes, not whose they are.
 */
export async function findFacesOfBytes(
  db: Kysely<FaceTables>,
  sha256: string,
  model: string,
): Promise<FaceResult[] | undefined> {
  // One snapshot: were the scan deleted between the two reads, its photo would look like one without faces.
  return db
    .transaction()
    .setIsolationLevel("repeatable read")
    .setAccessMode("read only")
    .execute(async (trx) => {
      const scan = await trx
        .selectFrom("face_scans")
        .select(["photo_id", "owner_id"])
        .where("sha256", "=", sha256)
        .where("model", "=", model)
        .limit(1)
        .executeTakeFirst();
      return scan && listFaces(trx, scan.owner_id, scan.photo_id);
    });
}

/** Stores the scan of a photo; faces of an earlier scan are replaced. */
export async function saveScan(
  db: Kysely<FaceTables>,
  photo: eventsV1.PhotoRef,
  scan: StoredScan,
): Promise<void> {
  const { model, ms } = scan;
  await db
    .insertInto("face_scans")
    .values({ photo_id: photo.photoId, owner_id: photo.ownerId, sha256: photo.sha256, model, ms })
    .onConflict((conflict) => conflict.column("photo_id").doUpdateSet({ model, ms }))
    .execute();
  await db
    .deleteFrom("faces")
    .where("photo_id", "=", photo.photoId)
    .where("owner_id", "=", photo.ownerId)
    .execute();
  if (scan.faces.length === 0) return;
  await db
    .insertInto("faces")
    .values(scan.faces.map((face) => toRow(photo, face, model)))
    .execute();
}

/** Forgets a photo. */
export async function deleteFaces(db: Kysely<FaceTables>, ownerId: string, photoId: string): Promise<void> {
  for (const table of ["faces", "face_scans"] as const) {
    await db.deleteFrom(table).where("photo_id", "=", photoId).where("owner_id", "=", ownerId).execute();
  }
}

async function listFaces(db: Kysely<FaceTables>, ownerId: string, photoId: string): Promise<StoredFace[]> {
  const rows = await db
    .selectFrom("faces")
    .selectAll()
    .where("photo_id", "=", photoId)
    .where("owner_id", "=", ownerId)
    .execute();
  return rows.map(fromRow).sort((a, b) => b.box.width * b.box.height - a.box.width * a.box.height);
}

function toRow(photo: eventsV1.PhotoRef, face: StoredFace, model: string) {
  return {
    id: face.id,
    photo_id: photo.photoId,
    owner_id: photo.ownerId,
    ...face.box,
    score: face.score,
    quality: face.quality,
    landmarks: JSON.stringify(face.landmarks),
    embedding: new Uint8Array(face.embedding.slice().buffer),
    model,
  };
}

function fromRow(row: Selectable<FaceTables["faces"]>): StoredFace {
  const bytes = new Uint8Array(row.embedding);
  return {
    id: row.id,
    box: { x: row.x, y: row.y, width: row.width, height: row.height },
    score: row.score,
    quality: row.quality,
    landmarks: row.landmarks,
    embedding: new Float32Array(bytes.buffer),
  };
}
