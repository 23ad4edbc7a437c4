import type { Kysely } from "kysely";
import type { SearchTables } from "./tables.ts";

/** True for a photo of the owner that is not deleted, withheld or not. */
export async function isPhotoOf(
  db: Kysely<SearchTables>,
  ownerId: string,
  photoId: string,
): Promise<boolean> {
  const row = await db
    .selectFrom("documents")
    .select("photo_id")
    .where("owner_id", "=", ownerId)
    .where("photo_id", "=", photoId)
    .where("deleted", "=", false)
    .executeTakeFirst();
  return row !== undefined;
}
