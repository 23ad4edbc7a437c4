import { type Kysely, sql } from "kysely";
import type { PhotoFacts } from "../photo-facts.ts";
import type { LibraryTables } from "./tables.ts";

type Store = Kysely<LibraryTables>;

/** The capture time of a photo (`p`) of an image (`i`): its owner's word, else the file's. */
export const takenAt = sql<Date | null>`coalesce(p.taken_at_override, i.taken_at)`;

/** Photos (`p`) with their images (`i`), as other services are told of them. Whose is for the caller to say. */
export function selectFacts(db: Store) {
  return db
    .selectFrom("photos as p")
    .innerJoin("images as i", "i.sha256", "p.sha256")
    .select(["p.id", "p.owner_id as ownerId", "p.sha256", "p.filename", "p.created_at as createdAt"])
    .select(["i.width", "i.height", "i.media_type as mediaType", "i.size_bytes as sizeBytes"])
    .select(["i.camera", "i.lens", "i.city", "i.region", "i.country"])
    .select(takenAt.as("takenAt"));
}

/** The given photos of an owner, but for those in the trash. */
export async function findFacts(
  db: Store,
  ownerId: string,
  photoIds: readonly string[],
): Promise<PhotoFacts[]> {
  return selectFacts(db)
    .where("p.owner_id", "=", ownerId)
    .where("p.trashed_at", "is", null)
    .where("p.id", "=", sql<string>`any(${[...photoIds]}::uuid[])`)
    .execute();
}
