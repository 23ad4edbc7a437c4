import { stages as stageTree } from "@ocelli/contracts";
import { type Kysely, sql } from "kysely";
import { jsonArrayFrom } from "kysely/helpers/postgres";
import type { ImageFacts, Photo, StageState, StageStatus } from "../photo.ts";
import type { LibraryTables } from "./tables.ts";

type Store = Kysely<LibraryTables>;

/** States of a photo on which no work has begun. */
export function newPhotoStages(): StageState[] {
  return stageTree.map(({ name }) => initialState(name, "PENDING"));
}

/** What the store knows of some bytes before they are taken in. */
export interface KnownBytes {
  /** Facts, when anybody has stored these bytes. */
  image: ImageFacts | undefined;
  /** The owner's photo of these bytes. */
  photoId: string | undefined;
}

/** One page of photos, newest first, starting after a photo id. */
export interface PhotoPage {
  ownerId: string;
  after: string | undefined;
  limit: number;
}

/** Photos of a deleted owner are gone at once, however long their rows take. */
function ownerIsThere(ownerId: string) {
  return sql<boolean>`not exists (select from library.deleted_owners where user_id = ${ownerId})`;
}

/** Looks up bytes in one query: facts by content, the photo by owner. */
export async function findBytes(db: Store, ownerId: string, sha256: string): Promise<KnownBytes> {
  const row = await db
    .selectFrom("images as i")
    .leftJoin("photos as p", (join) => join.onRef("p.sha256", "=", "i.sha256").on("p.owner_id", "=", ownerId))
    .select([
      "i.sha256",
      "i.media_type",
      "i.width",
      "i.height",
      "i.size_bytes",
      "i.taken_at",
      "i.exif",
      "p.id",
    ])
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
          taken_at: photo.takenAt,
          exif: photo.exif,
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

/** One photo of an owner with its stages. */
export async function findPhoto(db: Store, ownerId: string, photoId: string): Promise<Photo | undefined> {
  const row = await photosOf(db, ownerId).where("p.id", "=", photoId).executeTakeFirst();
  return row && toPhoto(row);
}

/** A page of an owner's photos with their stages, in one query whatever its size. */
export async function listPhotos(db: Store, page: PhotoPage): Promise<Photo[]> {
  let query = photosOf(db, page.ownerId).orderBy("p.id", "desc").limit(page.limit);
  if (page.after !== undefined) query = query.where("p.id", "<", page.after);
  return (await query.execute()).map(toPhoto);
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

function photosOf(db: Store, ownerId: string) {
  return db
    .selectFrom("photos as p")
    .innerJoin("images as i", "i.sha256", "p.sha256")
    .select(["p.id", "p.owner_id", "p.filename", "p.favorite", "p.created_at"])
    .select(["i.sha256", "i.media_type", "i.width", "i.height", "i.size_bytes", "i.taken_at", "i.exif"])
    .select((from) =>
      jsonArrayFrom(
        from
          .selectFrom("photo_stages as s")
          .select(["s.stage", "s.status", "s.attempts", "s.error", "s.model", "s.ms"])
          .whereRef("s.photo_id", "=", "p.id")
          .where("s.owner_id", "=", ownerId),
      ).as("stages"),
    )
    .where("p.owner_id", "=", ownerId)
    .where(ownerIsThere(ownerId));
}

type PhotoRow = Awaited<ReturnType<ReturnType<typeof photosOf>["execute"]>>[number];
type ImageRow = Pick<
  PhotoRow,
  "sha256" | "media_type" | "width" | "height" | "size_bytes" | "taken_at" | "exif"
>;

function toImageFacts(row: ImageRow): ImageFacts {
  return {
    sha256: row.sha256,
    mediaType: row.media_type,
    width: row.width,
    height: row.height,
    sizeBytes: row.size_bytes,
    takenAt: row.taken_at,
    exif: row.exif,
  };
}

function toPhoto(row: PhotoRow): Photo {
  return {
    ...toImageFacts(row),
    id: row.id,
    ownerId: row.owner_id,
    filename: row.filename,
    favorite: row.favorite,
    createdAt: row.created_at,
    stages: inTreeOrder(row.stages),
  };
}

/** A stage that the tree gained after the photo was stored has no row: it is not asked of this photo. */
function inTreeOrder(states: StageState[]): StageState[] {
  return stageTree.map(
    ({ name }) => states.find((state) => state.stage === name) ?? initialState(name, "SKIPPED"),
  );
}

function initialState(stage: string, status: StageStatus): StageState {
  return { stage, status, attempts: 0, error: "", model: "", ms: 0 };
}
