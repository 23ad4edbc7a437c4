import type { ExifFields, Photo } from "./photo.ts";

/** Fields of a picture's metadata that others than its owner see: how it was taken, not where, by whom or about whom. */
const sharedFields = [
  "cameraMake",
  "cameraModel",
  "lens",
  "iso",
  "aperture",
  "exposureTime",
  "focalLength",
  "focalLength35mm",
  "exposureBias",
  "flash",
] as const satisfies readonly (keyof ExifFields)[];

/** A photo as somebody sees it with whom it is shared. */
export function asSharedPhoto(photo: Photo): Photo {
  return { ...photo, location: null, exif: photo.exif && sharedExif(photo.exif), favorite: false };
}

function sharedExif(exif: ExifFields): ExifFields {
  return Object.fromEntries(
    sharedFields.flatMap((field) => (exif[field] === undefined ? [] : [[field, exif[field]]])),
  );
}
