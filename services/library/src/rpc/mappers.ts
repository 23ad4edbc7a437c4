import { invalidArgument } from "@ocelli/chassis";
import { libraryV1 } from "@ocelli/contracts";
import type { ByteRange } from "../blobs/blob-store.ts";
import type { BlobKind, Photo, StageStatus } from "../photo.ts";

const { Rendition, StageStatus: Status } = libraryV1;

const statuses: Readonly<Record<StageStatus, libraryV1.StageStatus>> = {
  PENDING: Status.STAGE_STATUS_PENDING,
  RUNNING: Status.STAGE_STATUS_RUNNING,
  SUCCEEDED: Status.STAGE_STATUS_SUCCEEDED,
  FAILED: Status.STAGE_STATUS_FAILED,
  SKIPPED: Status.STAGE_STATUS_SKIPPED,
};

/** A stage's status as it travels. */
export function toStageStatus(status: StageStatus): libraryV1.StageStatus {
  return statuses[status];
}

/** A photo as clients see it. */
export function toPhotoMessage(photo: Photo): libraryV1.Photo {
  const { exif, takenAt, takenAtOffsetMinutes, location, stages, trashedAt, faceCount, ...same } = photo;
  return {
    ...same,
    trashedAt: trashedAt ?? undefined,
    faceCount: faceCount ?? undefined,
    takenAtOffsetMinutes: takenAtOffsetMinutes ?? undefined,
    location: location ?? undefined,
    takenAt: takenAt ?? undefined,
    exifJson: exif ? JSON.stringify(exif) : "",
    stages: stages.map((stage) => ({ ...stage, status: statuses[stage.status] })),
  };
}

/**
 * The bytes a rendition stands for.
 * @throws AppError INVALID_ARGUMENT/INVALID_RENDITION.
 */
export function toBlobKind(rendition: libraryV1.Rendition): BlobKind {
  if (rendition === Rendition.RENDITION_ORIGINAL) return "original";
  if (rendition === Rendition.RENDITION_PREVIEW) return "preview";
  if (rendition === Rendition.RENDITION_THUMBNAIL) return "thumbnail";
  throw invalidRendition();
}

/** INVALID_ARGUMENT/INVALID_RENDITION. */
export function invalidRendition() {
  return invalidArgument("INVALID_RENDITION", "The rendition must be original, preview or thumbnail.", [
    { field: "rendition", description: "must be original, preview or thumbnail" },
  ]);
}

/**
 * The part of the bytes that is wanted; a length of 0 means to the end.
 * @throws AppError INVALID_ARGUMENT/INVALID_RANGE.
 */
export function toByteRange(offset: number, length: number): ByteRange {
  const wrong = Object.entries({ offset, length }).filter(
    ([, value]) => !Number.isSafeInteger(value) || value < 0,
  );
  if (wrong.length === 0) return length === 0 ? { offset } : { offset, length };
  throw invalidArgument(
    "INVALID_RANGE",
    "Offset and length must be whole numbers, 0 or more.",
    wrong.map(([field]) => ({ field, description: "must be a whole number, 0 or more" })),
  );
}
