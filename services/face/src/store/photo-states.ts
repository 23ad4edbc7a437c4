import type { Kysely } from "kysely";
import type { FaceTables } from "./tables.ts";

/** What the library says of a photo. */
export interface PhotoState {
  ownerId: string;
  photoId: string;
  withheld: boolean;
  revision: number;
}

/** Stores what the library says of a photo, unless something newer is there. */
export async function savePhotoState(db: Kysely<FaceTables>, state: PhotoState): Promise<void> {
  const { ownerId, photoId, withheld, revision } = state;
  await db
    .insertInto("photo_states")
    .values({ photo_id: photoId, owner_id: ownerId, withheld, revision })
    .onConflict((conflict) =>
      conflict
        .column("photo_id")
        .doUpdateSet({ withheld, revision })
        .where("photo_states.owner_id", "=", ownerId)
        .where("photo_states.revision", "<", revision),
    )
    .execute();
}

/** Forgets what the library said of a photo. */
export async function deletePhotoState(
  db: Kysely<FaceTables>,
  ownerId: string,
  photoId: string,
): Promise<void> {
  await db
    .deleteFrom("photo_states")
    .where("photo_id", "=", photoId)
    .where("owner_id", "=", ownerId)
    .execute();
}
