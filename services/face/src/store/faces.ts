import type { eventsV1 } from "@ocelli/contracts";
import type { Kysely } from "kysely";
import type { FaceResult, PixelBox } from "../model/types.ts";
import type { FaceTables } from "./tables.ts";

/** A face as it is told of: with whose it is, never with what recognises it. */
export interface StoredFace extends Pick<FaceResult, "box" | "score" | "quality"> {
  id: string;
  personId: string | null;
  /** Empty while unnamed. */
  personName: string;
}

/** What is stored of one photo. */
export interface StoredScan {
  faces: StoredFace[];
  /** Absent when the owner turned face processing off since: only what humans said is left. */
  scan: { model: string; ms: number } | undefined;
}

/** A face of a photo before it is scanned again. */
export interface EarlierFace {
  id: string;
  box: PixelBox;
  personId: string | null;
  erased: boolean;
  /** A human has said something of it: whose it is or not, that it stands for somebody, or that it is erased. */
  spokenOf: boolean;
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
  const faces = await listPhotoFaces(db, ownerId, photoId);
  return scan || faces.length > 0 ? { scan, faces } : undefined;
}

/** The faces of one photo of one owner, largest first. */
export async function listPhotoFaces(
  db: Kysely<FaceTables>,
  ownerId: string,
  photoId: string,
): Promise<StoredFace[]> {
  const rows = await db
    .selectFrom("faces as face")
    .leftJoin("people as person", (join) =>
      join.onRef("person.id", "=", "face.person_id").on("person.owner_id", "=", ownerId),
    )
    .select(["face.id", "face.x", "face.y", "face.width", "face.height", "face.score", "face.quality"])
    .select(["face.person_id", "person.name"])
    .where("face.photo_id", "=", photoId)
    .where("face.owner_id", "=", ownerId)
    .orderBy("face.id")
    .execute();
  return rows
    .map(({ id, score, quality, person_id, name, ...row }) => ({
      id,
      box: boxOf(row),
      score,
      quality,
      personId: person_id,
      personName: name ?? "",
    }))
    .sort((a, b) => b.box.width * b.box.height - a.box.width * a.box.height);
}

/** What is known of a photo's faces before it is scanned again. */
export async function listEarlierFaces(
  db: Kysely<FaceTables>,
  ownerId: string,
  photoId: string,
): Promise<EarlierFace[]> {
  const rows = await db
    .selectFrom("faces as face")
    .select(["face.id", "face.x", "face.y", "face.width", "face.height", "face.person_id", "face.erased"])
    .select(({ or, eb, exists, selectFrom }) =>
      or([
        eb("face.source", "=", "USER"),
        eb("face.erased", "=", true),
        exists(
          selectFrom("face_rejections as rejected")
            .select("rejected.face_id")
            .whereRef("rejected.face_id", "=", "face.id"),
        ),
        exists(
          selectFrom("people as person")
            .select("person.id")
            .where("person.owner_id", "=", ownerId)
            .whereRef("person.cover_face_id", "=", "face.id"),
        ),
      ]).as("spoken_of"),
    )
    .where("face.photo_id", "=", photoId)
    .where("face.owner_id", "=", ownerId)
    .orderBy("face.id")
    .execute();
  return rows.map(({ id, person_id, erased, spoken_of, ...row }) => ({
    id,
    box: boxOf(row),
    personId: person_id,
    erased,
    spokenOf: Boolean(spoken_of),
  }));
}

/** Stores faces by their ids; of those that are there already, whose they are and who said so stays. */
export async function saveFaces(
  db: Kysely<FaceTables>,
  { photoId, ownerId }: eventsV1.PhotoRef,
  faces: readonly (FaceResult & { id: string })[],
): Promise<void> {
  if (faces.length === 0) return;
  await db
    .insertInto("faces")
    .values(faces.map((face) => toRow(ownerId, photoId, face)))
    .onConflict((conflict) =>
      conflict
        .column("id")
        .doUpdateSet((eb) => ({
          x: eb.ref("excluded.x"),
          y: eb.ref("excluded.y"),
          width: eb.ref("excluded.width"),
          height: eb.ref("excluded.height"),
          score: eb.ref("excluded.score"),
          quality: eb.ref("excluded.quality"),
          landmarks: eb.ref("excluded.landmarks"),
          detected: true,
        }))
        .where("faces.owner_id", "=", ownerId),
    )
    .execute();
}

/** Says that the newest scan did not see these faces. */
export async function markUndetected(
  db: Kysely<FaceTables>,
  ownerId: string,
  ids: readonly string[],
): Promise<void> {
  if (ids.length === 0) return;
  await db
    .updateTable("faces")
    .set({ detected: false })
    .where("id", "in", ids)
    .where("owner_id", "=", ownerId)
    .execute();
}

/** Deletes faces with everything that hangs on them. */
export async function deleteFaces(
  db: Kysely<FaceTables>,
  ownerId: string,
  ids: readonly string[],
): Promise<void> {
  if (ids.length === 0) return;
  for (const table of ["face_embeddings", "face_crops", "face_rejections", "merge_faces"] as const) {
    await db.deleteFrom(table).where("face_id", "in", ids).where("owner_id", "=", ownerId).execute();
  }
  await db
    .updateTable("people")
    .set({ cover_face_id: null })
    .where("cover_face_id", "in", ids)
    .where("owner_id", "=", ownerId)
    .execute();
  await db.deleteFrom("faces").where("id", "in", ids).where("owner_id", "=", ownerId).execute();
}

/** The box of a row. */
export function boxOf({ x, y, width, height }: PixelBox): PixelBox {
  return { x, y, width, height };
}

function toRow(ownerId: string, photoId: string, face: FaceResult & { id: string }) {
  return {
    id: face.id,
    photo_id: photoId,
    owner_id: ownerId,
    ...face.box,
    score: face.score,
    quality: face.quality,
    landmarks: JSON.stringify(face.landmarks),
  };
}
