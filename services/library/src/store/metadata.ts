import type { Selectable } from "kysely";
import type { ImageFacts } from "../photo.ts";
import type { LibraryTables } from "./tables.ts";

/** Columns of an image (`i`) that its metadata fills. */
export const metadataColumns = [
  "i.taken_at",
  "i.taken_at_offset_minutes",
  "i.camera",
  "i.lens",
  "i.latitude",
  "i.longitude",
  "i.city",
  "i.region",
  "i.country",
  "i.exif",
] as const;

type Column = (typeof metadataColumns)[number] extends `i.${infer Name}` ? Name : never;

/** Values of {@link metadataColumns}. */
export type MetadataRow = Pick<Selectable<LibraryTables["images"]>, Column>;

/** The part of the facts that {@link metadataColumns} hold. */
export type StoredMetadata = Pick<
  ImageFacts,
  "takenAt" | "takenAtOffsetMinutes" | "camera" | "lens" | "location" | "exif"
>;

/** Facts of a row. */
export function toMetadata(row: MetadataRow): StoredMetadata {
  const { latitude, longitude, city, region, country } = row;
  return {
    takenAt: row.taken_at,
    takenAtOffsetMinutes: row.taken_at_offset_minutes,
    camera: row.camera,
    lens: row.lens,
    location: latitude === null || longitude === null ? null : { latitude, longitude, city, region, country },
    exif: row.exif,
  };
}

/** A row of facts. */
export function toMetadataRow(facts: StoredMetadata): MetadataRow {
  const { location } = facts;
  return {
    taken_at: facts.takenAt,
    taken_at_offset_minutes: facts.takenAtOffsetMinutes,
    camera: facts.camera,
    lens: facts.lens,
    latitude: location?.latitude ?? null,
    longitude: location?.longitude ?? null,
    city: location?.city ?? "",
    region: location?.region ?? "",
    country: location?.country ?? "",
    exif: facts.exif,
  };
}
