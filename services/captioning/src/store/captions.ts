import { commonV1, type eventsV1 } from "@ocelli/contracts";
import type { Kysely } from "kysely";
import type { CaptioningTables } from "./tables.ts";

/** A stored caption with where it came from. */
export interface StoredCaption {
  caption: commonV1.Caption;
  model: string;
  ms: number;
}

/** The caption of one photo of one owner. */
export async function findCaption(
  db: Kysely<CaptioningTables>,
  ownerId: string,
  photoId: string,
): Promise<StoredCaption | undefined> {
  const row = await db
    .selectFrom("captions")
    .select(["text", "source", "score", "model", "ms"])
    .where("photo_id", "=", photoId)
    .where("owner_id", "=", ownerId)
    .executeTakeFirst();
  return (
    row && { caption: { text: row.text, source: row.source, score: row.score }, model: row.model, ms: row.ms }
  );
}

/**
 * A model's caption of the same bytes. The one query without an owner; what humans wrote is never shared this way.
 */
export async function findCaptionOfBytes(
  db: Kysely<CaptioningTables>,
  sha256: string,
  model: string,
): Promise<commonV1.Caption | undefined> {
  return db
    .selectFrom("captions")
    .select(["text", "source", "score"])
    .where("sha256", "=", sha256)
    .where("model", "=", model)
    .where("source", "<>", commonV1.ResultSource.RESULT_SOURCE_USER)
    .limit(1)
    .executeTakeFirst();
}

/**
 * Stores a model's caption; a human's words stay as they are.
 * @returns the caption that the photo has now.
 */
export async function saveModelCaption(
  db: Kysely<CaptioningTables>,
  photo: eventsV1.PhotoRef,
  stored: StoredCaption,
): Promise<StoredCaption> {
  const { caption, model, ms } = stored;
  const values = { ...caption, model, ms };
  const saved = await db
    .insertInto("captions")
    .values({ photo_id: photo.photoId, owner_id: photo.ownerId, sha256: photo.sha256, ...values })
    .onConflict((conflict) =>
      conflict
        .column("photo_id")
        .doUpdateSet(values)
        .where("captions.source", "<>", commonV1.ResultSource.RESULT_SOURCE_USER),
    )
    .returning("photo_id")
    .executeTakeFirst();
  if (saved) return stored;
  return (await findCaption(db, photo.ownerId, photo.photoId)) ?? stored;
}
