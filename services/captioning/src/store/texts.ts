import type { commonV1, eventsV1 } from "@ocelli/contracts";
import type { Kysely } from "kysely";
import type { CaptioningTables } from "./tables.ts";

/** The text read in a photo with where it came from. */
export interface StoredText {
  lines: commonV1.TextLine[];
  model: string;
  ms: number;
}

/** The text of one photo of one owner. */
export async function findText(
  db: Kysely<CaptioningTables>,
  ownerId: string,
  photoId: string,
): Promise<StoredText | undefined> {
  return db
    .selectFrom("photo_texts")
    .select(["lines", "model", "ms"])
    .where("photo_id", "=", photoId)
    .where("owner_id", "=", ownerId)
    .executeTakeFirst();
}

/** The text a model read in the same bytes. The one query without an owner: it tells only what the bytes show. */
export async function findTextOfBytes(
  db: Kysely<CaptioningTables>,
  sha256: string,
  model: string,
): Promise<commonV1.TextLine[] | undefined> {
  const row = await db
    .selectFrom("photo_texts")
    .select("lines")
    .where("sha256", "=", sha256)
    .where("model", "=", model)
    .limit(1)
    .executeTakeFirst();
  return row?.lines;
}

/** Stores or replaces the text of a photo. */
export async function saveText(
  db: Kysely<CaptioningTables>,
  photo: eventsV1.PhotoRef,
  { lines, model, ms }: StoredText,
): Promise<void> {
  const values = { lines: JSON.stringify(lines), model, ms };
  await db
    .insertInto("photo_texts")
    .values({ photo_id: photo.photoId, owner_id: photo.ownerId, sha256: photo.sha256, ...values })
    .onConflict((conflict) => conflict.column("photo_id").doUpdateSet(values))
    .execute();
}

/** Forgets what was written and read of a photo. */
export async function deletePhotoWords(
  db: Kysely<CaptioningTables>,
  ownerId: string,
  photoId: string,
): Promise<void> {
  for (const table of ["captions", "photo_texts"] as const) {
    await db.deleteFrom(table).where("photo_id", "=", photoId).where("owner_id", "=", ownerId).execute();
  }
}
