import exifr from "exifr";
import { cleanText, numberWithin } from "./text.ts";
import { maxDescription, maxTitle, toRating, withoutAbsent } from "./xmp.ts";

/** Tags of an EXIF block that are kept, each clean and within its range. */
export type ExifTags = ReturnType<typeof toTags>;

const exifPrefix = Buffer.from("Exif\0\0", "latin1");
const tiffSignatures = ["II*\0", "MM\0*"];
const maxText = 100;

const tags = [
  "Make",
  "Model",
  "LensMake",
  "LensModel",
  "ISO",
  "ISOSpeedRatings",
  "FNumber",
  "ExposureTime",
  "ExposureCompensation",
  "ExposureBiasValue",
  "FocalLength",
  "FocalLengthIn35mmFormat",
  "Flash",
  "Software",
  "ImageDescription",
  "Artist",
  "Copyright",
  "Rating",
  "DateTimeOriginal",
  "CreateDate",
  "OffsetTimeOriginal",
  "OffsetTimeDigitized",
  "OffsetTime",
  "GPSLatitude",
  "GPSLatitudeRef",
  "GPSLongitude",
  "GPSLongitudeRef",
  "GPSAltitude",
  "GPSAltitudeRef",
];

/** Reads the selected tags of an EXIF block. Never fails: EXIF is a stranger's word about a good picture. */
export async function readExif(block: Buffer | undefined): Promise<ExifTags> {
  if (!block) return {};
  const tiff = block.subarray(0, exifPrefix.byteLength).equals(exifPrefix)
    ? block.subarray(exifPrefix.byteLength)
    : block;
  // The reader takes whole files as well, and would look for EXIF in a HEIC or PNG that pretends to be a block.
  if (!tiffSignatures.includes(tiff.toString("latin1", 0, 4))) return {};
  try {
    const parsed: unknown = await exifr.parse(tiff, {
      pick: tags,
      reviveValues: false,
      translateValues: false,
      xmp: false,
      icc: false,
      iptc: false,
    });
    return typeof parsed === "object" && parsed !== null ? toTags(new Map(Object.entries(parsed))) : {};
  } catch {
    return {};
  }
}

/** Each tag on its own: one that is wrong is left out, the others stay. */
function toTags(raw: ReadonlyMap<string, unknown>) {
  const text = (name: string, max = maxText) => cleanText(raw.get(name), max);
  const number = (name: string, min: number, max: number) => numberWithin(raw.get(name), min, max);
  const position = toPosition(raw.get("latitude"), raw.get("longitude"));
  return withoutAbsent({
    make: text("Make"),
    model: text("Model"),
    lens: text("LensModel"),
    iso: number("ISO", 1, 10_000_000) ?? number("ISOSpeedRatings", 1, 10_000_000),
    aperture: number("FNumber", 0.1, 1000),
    exposureTime: number("ExposureTime", 1e-7, 1e6),
    exposureBias: number("ExposureCompensation", -20, 20) ?? number("ExposureBiasValue", -20, 20),
    focalLength: number("FocalLength", 0.1, 100_000),
    focalLength35mm: number("FocalLengthIn35mmFormat", 1, 100_000),
    // The lowest bit says whether it fired, the others how it was set.
    flash: isByte(raw.get("Flash")) ? (Number(raw.get("Flash")) & 1) === 1 : undefined,
    software: text("Software"),
    description: text("ImageDescription", maxDescription),
    creator: text("Artist", maxTitle),
    copyright: text("Copyright", maxTitle),
    rating: toRating(raw.has("Rating") ? String(raw.get("Rating")) : undefined),
    altitude: toAltitude(raw.get("GPSAltitude"), raw.get("GPSAltitudeRef")),
    position,
    dateTimeOriginal: text("DateTimeOriginal"),
    createDate: text("CreateDate"),
    offsets: [text("OffsetTimeOriginal"), text("OffsetTimeDigitized"), text("OffsetTime")],
  });
}

/** Both or none; 0, 0 is what devices without a fix write. */
function toPosition(latitude: unknown, longitude: unknown) {
  const position = {
    latitude: numberWithin(latitude, -90, 90),
    longitude: numberWithin(longitude, -180, 180),
  };
  const { latitude: north, longitude: east } = position;
  if (north === undefined || east === undefined || (north === 0 && east === 0)) return undefined;
  return { latitude: north, longitude: east };
}

function toAltitude(value: unknown, reference: unknown): number | undefined {
  const metres = numberWithin(value, 0, 100_000);
  const sign = reference instanceof Uint8Array ? reference[0] : reference;
  return metres !== undefined && sign === 1 ? -metres : metres;
}

function isByte(value: unknown): boolean {
  return numberWithin(value, 0, 255) !== undefined;
}
