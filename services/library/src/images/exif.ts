import exifr from "exifr";
import { z } from "zod";
import type { ExifFields } from "../photo.ts";

/** What is read from EXIF; nothing when there is none or it is damaged. */
export interface ExifSummary {
  takenAt: Date | null;
  fields: ExifFields | null;
}

const nothing: ExifSummary = { takenAt: null, fields: null };
const exifPrefix = Buffer.from("Exif\0\0", "latin1");
// Nothing was photographed before; cameras with an empty clock write years like 0000 or 1904.
const firstPhotograph = Date.UTC(1826, 0, 1);
const dayMs = 86_400_000;

const tags = [
  "Make",
  "Model",
  "LensModel",
  "ISO",
  "ISOSpeedRatings",
  "FNumber",
  "ExposureTime",
  "FocalLength",
  "DateTimeOriginal",
  "CreateDate",
  "OffsetTimeOriginal",
  "OffsetTime",
  "GPSLatitude",
  "GPSLatitudeRef",
  "GPSLongitude",
  "GPSLongitudeRef",
];

/** A field of the wrong type or out of range is left out; the others stay. */
function lenient<T>(schema: z.ZodType<T>) {
  return schema.optional().catch(undefined);
}

const text = lenient(
  z
    .string()
    .max(1000)
    .transform((value) =>
      value
        .toWellFormed()
        .replace(/\p{Cc}/gu, "")
        .trim()
        .slice(0, 100),
    )
    .refine((value) => value !== ""),
);
const number = (min: number, max: number) => lenient(z.number().min(min).max(max));

const schema = z.object({
  Make: text,
  Model: text,
  LensModel: text,
  ISO: number(1, 10_000_000),
  ISOSpeedRatings: number(1, 10_000_000),
  FNumber: number(0.1, 1000),
  ExposureTime: number(1e-7, 1e6),
  FocalLength: number(0.1, 100_000),
  latitude: number(-90, 90),
  longitude: number(-180, 180),
  DateTimeOriginal: text,
  CreateDate: text,
  OffsetTimeOriginal: text,
  OffsetTime: text,
});

type Tags = z.infer<typeof schema>;

/** Reads the selected fields of an EXIF block. Never fails: EXIF is a stranger's word about a good picture. */
export async function readExif(block: Buffer | undefined, now: Date): Promise<ExifSummary> {
  if (!block) return nothing;
  const tiff = block.subarray(0, exifPrefix.byteLength).equals(exifPrefix)
    ? block.subarray(exifPrefix.byteLength)
    : block;
  try {
    const parsed: unknown = await exifr.parse(tiff, {
      pick: tags,
      reviveValues: false,
      translateValues: false,
      xmp: false,
      icc: false,
      iptc: false,
    });
    const known = schema.safeParse(parsed);
    return known.success ? { takenAt: takenAt(known.data, now), fields: toFields(known.data) } : nothing;
  } catch {
    return nothing;
  }
}

function toFields(found: Tags): ExifFields | null {
  const located = found.latitude !== undefined && found.longitude !== undefined;
  const fields = {
    cameraMake: found.Make,
    cameraModel: found.Model,
    lens: found.LensModel,
    iso: found.ISO ?? found.ISOSpeedRatings,
    aperture: found.FNumber,
    exposureTime: found.ExposureTime,
    focalLength: found.FocalLength,
    latitude: located ? found.latitude : undefined,
    longitude: located ? found.longitude : undefined,
  };
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return entries.length > 0 ? Object.fromEntries(entries) : null;
}

/** Capture time; without a time zone in EXIF the camera's clock is read as UTC. */
function takenAt(found: Tags, now: Date): Date | null {
  const local = found.DateTimeOriginal ?? found.CreateDate;
  const match = local && /^(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d):(\d\d)/.exec(local);
  if (!match) return null;
  const [, year, month, day, hour, minute, second] = match;
  const offset = found.OffsetTimeOriginal ?? found.OffsetTime ?? "";
  const zone = /^[+-](0\d|1[0-4]):[0-5]\d$/.test(offset) ? offset : "Z";
  const date = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`);
  const time = date.getTime();
  return time >= firstPhotograph && time <= now.getTime() + dayMs ? date : null;
}
