import { stages as stageTree } from "@ocelli/contracts";
import { type Kysely, sql } from "kysely";
import type { ImageFacts, Photo } from "../photo.ts";
import { metadataColumns, toMetadataRow } from "./metadata.ts";
import { ownerIsThere, selectPhotos, toImageFacts, toPhoto } from "./photo-rows.ts";
import type { LibraryTables } from "./tables.ts";

type Store = Kysely<LibraryTables>;

/** What the store knows of some bytes before they are taken in. */
export interface KnownBytes {
  /** Facts, when anybody has stored these bytes. */
  image: ImageFacts | undefined;
  /** The owner's photo of these bytes. */
  photoId: string | undefined;
}

/** Looks up bytes in one query: facts by content, the photo by owner. */
export async function findBytes(db: Store, ownerId: string, sha256: string): Promise<KnownBytes> {
  const row = await db
    .selectFrom("images as i")
    .leftJoin("photos as p", (join) => join.onRef("p.sha256", "=", "i.sha256").on("p.owner_id", "=", ownerId))
    .select(["i.sha256", "i.media_type", "i.width", "i.height", "i.size_bytes", ...metadataColumns, "p.id"])
    .where("i.sha256", "=", sha256)
    .executeTakeFirst();
  return { image: row && toImageFacts(row), photoId: row?.id ?? undefined };
}

/**
 * Stores image, photo and stages (all PENDING, whatever the photo says) in one statement; the bytes are loose no more.
 * @returns undefined when the owner has these bytes already; nothing is written then. Otherwise whether the image was
 *   unknown.
 */
export async function insertPhoto(trx: Store, photo: Photo): Promise<{ imageIsNew: boolean } | undefined> {
  const row = await trx
    .with("settled", (db) => db.deleteFrom("loose_blobs").where("sha256", "=", photo.sha256))
    .with("image", (db) =>
      db
        .insertInto("images")
        .values({
          sha256: photo.sha256,
          media_type: photo.mediaType,
          width: photo.width,
          height: photo.height,
          size_bytes: photo.sizeBytes,
          ...toMetadataRow(photo),
        })
        .onConflict((conflict) => conflict.column("sha256").doNothing())
        .returning("sha256"),
    )
    .with("photo", (db) =>
      db
        .insertInto("photos")
        .values({
          id: photo.id,
          owner_id: photo.ownerId,
          sha256: photo.sha256,
          filename: photo.filename,
          favorite: photo.favorite,
          created_at: photo.createdAt,
          captured_at: photo.takenAt ?? photo.createdAt,
        })
        .onConflict((conflict) => conflict.columns(["owner_id", "sha256"]).doNothing())
        .returning(["id", "owner_id"]),
    )
    .insertInto("photo_stages")
    .columns(["photo_id", "owner_id", "stage", "status"])
    .expression((from) =>
      from
        .selectFrom("photo")
        .select(["photo.id", "photo.owner_id"])
        .select(sql<string>`unnest(${stageTree.map((stage) => stage.name)}::text[])`.as("stage"))
        .select(sql.lit("PENDING").as("status")),
    )
    .returning(({ exists, selectFrom }) => exists(selectFrom("image").select("sha256")).as("imageIsNew"))
    .executeTakeFirst();
  return row && { imageIsNew: Boolean(row.imageIsNew) };
}

/** One photo of an owner with its stages, as `readerId` sees it. */
export async function findPhoto(
  db: Store,
  ownerId: string,
  photoId: string,
  readerId = ownerId,
): Promise<Photo | undefined> {
  const row = await selectPhotos(db, readerId)
    .where("p.owner_id", "=", ownerId)
    .where(ownerIsThere(ownerId))
    .where("p.id", "=", photoId)
    .executeTakeFirst();
  return row && toPhoto(row);
}

/** Those of the given photos of an owner that are neither hidden nor in the trash, in no order. */
export async function findShownPhotos(
  db: Store,
  ownerId: string,
  photoIds: readonly string[],
): Promise<Photo[]> {
  const rows = await selectPhotos(db, ownerId)
    .where("p.owner_id", "=", ownerId)
    .where(ownerIsThere(ownerId))
    .where("p.id", "=", sql<string>`any(${[...photoIds]}::uuid[])`)
    .where("p.hidden", "=", false)
    .where("p.trashed_at", "is", null)
    .execute();
  return rows.map(toPhoto);
}

/** What a download needs: the key of the bytes and their type. */
export async function findContent(
  db: Store,
  ownerId: string,
  photoId: string,
): Promise<{ sha256: string; mediaType: string } | undefined> {
  const row = await db
    .selectFrom("photos as p")
    .innerJoin("images as i", "i.sha256", "p.sha256")
    .select(["i.sha256", "i.media_type"])
    .where("p.owner_id", "=", ownerId)
    .where(ownerIsThere(ownerId))
    .where("p.id", "=", photoId)
    .executeTakeFirst();
  return row && { sha256: row.sha256, mediaType: row.media_type };
}

/** Whether some bytes are an image of anybody. */
export async function isImage(db: Store, sha256: string): Promise<boolean> {
  const row = await db.selectFrom("images").select("sha256").where("sha256", "=", sha256).executeTakeFirst();
  return row !== undefined;
}

/** A photo that an owner has of some bytes. */
export interface ExistingPhoto {
  sha256: string;
  photoId: string;
  trashed: boolean;
}

/** Which of these bytes an owner has. */
export async function findExisting(
  db: Store,
  ownerId: string,
  hashes: readonly string[],
): Promise<ExistingPhoto[]> {
  return db
    .selectFrom("photos")
    .select(["sha256", "id as photoId", sql<boolean>`trashed_at is not null`.as("trashed")])
    .where("owner_id", "=", ownerId)
    .where(ownerIsThere(ownerId))
    .where("sha256", "=", sql<string>`any(${[...hashes]}::text[])`)
    .orderBy("sha256")
    .execute();
}
