import { stages as stageTree } from "@ocelli/contracts";
import { type Kysely, type RawBuilder, sql } from "kysely";
import { jsonArrayFrom } from "kysely/helpers/postgres";
import type { ImageFacts, Photo, StageState, StageStatus } from "../photo.ts";
import { type MetadataRow, metadataColumns, toMetadata } from "./metadata.ts";
import { albumIdsOf } from "./photo-albums.ts";
import type { LibraryTables } from "./tables.ts";

/** States of a photo on which no work has begun. */
export function newPhotoStages(): StageState[] {
  return stageTree.map(({ name }) => initialState(name, "PENDING"));
}

/** Photos of a deleted owner are gone at once, however long their rows take. */
export function ownerIsThere(ownerId: string): RawBuilder<boolean> {
  return sql<boolean>`not exists (select from library.deleted_owners where user_id = ${ownerId})`;
}

/**
 * Photos (`p`) with their images (`i`) and stages, as `readerId` sees them. Whose photos is for the caller to say:
 * without a condition on `p.owner_id` it is everybody's.
 */
export function selectPhotos(db: Kysely<LibraryTables>, readerId: string) {
  return db
    .selectFrom("photos as p")
    .innerJoin("images as i", "i.sha256", "p.sha256")
    .select(["p.id", "p.owner_id", "p.filename", "p.favorite", "p.created_at", "p.title", "p.description"])
    .select(["p.hidden", "p.trashed_at", "p.taken_at_override", "p.taken_at_override_offset_minutes"])
    .select(["p.captured_at", "p.face_count"])
    .select(["i.sha256", "i.media_type", "i.width", "i.height", "i.size_bytes"])
    .select(metadataColumns)
    .select((from) =>
      jsonArrayFrom(
        from
          .selectFrom("photo_stages as s")
          .select(["s.stage", "s.status", "s.attempts", "s.error", "s.model", "s.ms"])
          .whereRef("s.photo_id", "=", "p.id")
          .whereRef("s.owner_id", "=", "p.owner_id"),
      ).as("stages"),
    )
    .select(albumIdsOf(readerId).as("album_ids"));
}

/** A row of {@link selectPhotos}. */
export type PhotoRow = Awaited<ReturnType<ReturnType<typeof selectPhotos>["execute"]>>[number];

/** The columns of an image. */
export type ImageRow = Pick<PhotoRow, "sha256" | "media_type" | "width" | "height" | "size_bytes"> &
  MetadataRow;

/** Facts of an image's row. */
export function toImageFacts(row: ImageRow): ImageFacts {
  return {
    sha256: row.sha256,
    mediaType: row.media_type,
    width: row.width,
    height: row.height,
    sizeBytes: row.size_bytes,
    ...toMetadata(row),
  };
}

/** The photo of a row; where its owner named a capture time, that one counts. */
export function toPhoto(row: PhotoRow): Photo {
  const override = row.taken_at_override && {
    takenAt: row.taken_at_override,
    takenAtOffsetMinutes: row.taken_at_override_offset_minutes,
  };
  return {
    ...toImageFacts(row),
    ...override,
    id: row.id,
    ownerId: row.owner_id,
    filename: row.filename,
    favorite: row.favorite,
    createdAt: row.created_at,
    title: row.title,
    description: row.description,
    hidden: row.hidden,
    trashedAt: row.trashed_at,
    faceCount: row.face_count,
    albumIds: row.album_ids,
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
