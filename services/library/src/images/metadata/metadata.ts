import type { ExifFields } from "../../photo.ts";
import type { MetadataBlocks } from "./blocks.ts";
import { cameraName } from "./camera.ts";
import { captureTime } from "./capture-time.ts";
import { readExif } from "./exif.ts";
import { readIptc } from "./iptc.ts";
import { readXmp, withoutAbsent } from "./xmp.ts";

/** What is read from the metadata of a picture. */
export interface PictureMetadata {
  takenAt: Date | null;
  /** Minutes east of UTC; null when unknown, `takenAt` is then the camera's clock read as UTC. */
  takenAtOffsetMinutes: number | null;
  /** Make and model; empty when unknown. */
  camera: string;
  /** Empty when unknown. */
  lens: string;
  position: { latitude: number; longitude: number } | null;
  exif: ExifFields | null;
}

/**
 * Reads EXIF, XMP and IPTC. What people write (title, description, keywords) is taken from XMP, then IPTC, then EXIF;
 * what cameras write from EXIF. Never fails: metadata is a stranger's word about a good picture.
 */
export async function readMetadata(blocks: MetadataBlocks, now: Date): Promise<PictureMetadata> {
  const exif = await readExif(blocks.exif);
  const { created, ...xmp } = readXmp(blocks.xmp);
  const iptc = readIptc(blocks.iptc);
  const position = exif.position ?? null;
  const time = captureTime(
    { times: [exif.dateTimeOriginal, exif.createDate, created], offsets: exif.offsets ?? [], position },
    now,
  );
  const { make, model, position: _, dateTimeOriginal, createDate, offsets, ...facts } = exif;
  const fields = withoutAbsent<ExifFields>({
    ...withoutAbsent({ cameraMake: make, cameraModel: model }),
    ...facts,
    ...iptc,
    ...xmp,
    ...position,
  });
  return {
    takenAt: time?.takenAt ?? null,
    takenAtOffsetMinutes: time?.offsetMinutes ?? null,
    camera: cameraName(make, model),
    lens: exif.lens ?? "",
    position,
    exif: Object.keys(fields).length > 0 ? fields : null,
  };
}
