import { invalidArgument } from "@ocelli/chassis";
import { libraryV1 } from "@ocelli/contracts";
import type { BlobKind, Photo, StageStatus } from "../photo.ts";

const { Rendition, StageStatus: Status } = libraryV1;

const statuses: Readonly<Record<StageStatus, libraryV1.StageStatus>> = {
  PENDING: Status.STAGE_STATUS_PENDING,
  RUNNING: Status.STAGE_STATUS_RUNNING,
  SUCCEEDED: Status.STAGE_STATUS_SUCCEEDED,
  FAILED: Status.STAGE_STATUS_FAILED,
  SKIPPED: Status.STAGE_STATUS_SKIPPED,
};

/** A photo as clients see it. */
export function toPhotoMessage(photo: Photo): libraryV1.Photo {
  const { exif, takenAt, stages, ...same } = photo;
  return {
    ...same,
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
  throw invalidArgument("INVALID_RENDITION", "The rendition must be original, preview or thumbnail.", [
    { field: "rendition", description: "must be original, preview or thumbnail" },
  ]);
}
