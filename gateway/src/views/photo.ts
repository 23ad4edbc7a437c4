import type { libraryV1 } from "@ocelli/contracts";
import { z } from "zod";
import type { LocationView, PhotoView, StageView } from "./schemas.ts";

const exifObject = z.record(z.string(), z.unknown());

const stageStatuses = {
  STAGE_STATUS_UNSPECIFIED: "PENDING",
  STAGE_STATUS_PENDING: "PENDING",
  STAGE_STATUS_RUNNING: "RUNNING",
  STAGE_STATUS_SUCCEEDED: "SUCCEEDED",
  STAGE_STATUS_FAILED: "FAILED",
  STAGE_STATUS_SKIPPED: "SKIPPED",
} as const;

/** A photo as clients see it. */
export function toPhotoView(photo: libraryV1.Photo): PhotoView {
  return {
    id: photo.id,
    ownerId: photo.ownerId,
    filename: photo.filename,
    sha256: photo.sha256,
    mediaType: photo.mediaType,
    width: photo.width,
    height: photo.height,
    sizeBytes: photo.sizeBytes,
    takenAt: photo.takenAt?.toISOString() ?? null,
    takenAtOffsetMinutes: photo.takenAtOffsetMinutes ?? null,
    location: photo.location ? toLocationView(photo.location) : null,
    camera: photo.camera || null,
    lens: photo.lens || null,
    exif: parseExif(photo.exifJson),
    title: photo.title,
    description: photo.description,
    albumIds: photo.albumIds,
    favorite: photo.favorite,
    hidden: photo.hidden,
    trashedAt: photo.trashedAt?.toISOString() ?? null,
    faceCount: photo.faceCount ?? null,
    createdAt: (photo.createdAt ?? new Date(0)).toISOString(),
    stages: Object.fromEntries(photo.stages.map((stage) => [stage.stage, toStageView(stage)])),
  };
}

function toLocationView({ latitude, longitude, city, region, country }: libraryV1.Location): LocationView {
  return { latitude, longitude, city: city || null, region: region || null, country: country || null };
}

/** One stage's state. */
export function toStageView(stage: libraryV1.StageState): StageView {
  return {
    status: stageStatuses[stage.status],
    attempts: stage.attempts,
    error: stage.error || null,
    model: stage.model || null,
    ms: stage.ms,
  };
}

/** True when nothing more will happen to a stage by itself. */
export function hasEnded(stage: libraryV1.StageState): boolean {
  const { status } = toStageView(stage);
  return status === "SUCCEEDED" || status === "FAILED" || status === "SKIPPED";
}

function parseExif(json: string): Record<string, unknown> {
  if (json === "") return {};
  try {
    return exifObject.catch({}).parse(JSON.parse(json));
  } catch {
    // Camera data is decoration: a photo is shown without it rather than not at all.
    return {};
  }
}
