/** What the bytes of an image say; the same for every owner of these bytes. */
export interface ImageFacts {
  /** SHA-256 of the original, lower-case hex. */
  sha256: string;
  /** Found by content. */
  mediaType: string;
  /** Upright width in pixels. */
  width: number;
  /** Upright height in pixels. */
  height: number;
  /** Bytes of the original. */
  sizeBytes: number;
  /** Capture time from EXIF. */
  takenAt: Date | null;
  exif: ExifFields | null;
}

/** The EXIF fields that are kept. */
export interface ExifFields {
  cameraMake?: string;
  cameraModel?: string;
  lens?: string;
  iso?: number;
  /** F-number. */
  aperture?: number;
  /** Seconds. */
  exposureTime?: number;
  /** Millimetres. */
  focalLength?: number;
  /** Degrees north. */
  latitude?: number;
  /** Degrees east. */
  longitude?: number;
}

/** How far one stage has come; SKIPPED is for stages that do not apply to a photo. */
export type StageStatus = "PENDING" | "RUNNING" | "SUCCEEDED" | "FAILED" | "SKIPPED";

/** State of one stage of one photo. */
export interface StageState {
  stage: string;
  status: StageStatus;
  attempts: number;
  /** `REASON: sentence` of the last failure; empty when none. */
  error: string;
  /** Model that made the result; empty until done. */
  model: string;
  /** Milliseconds spent. */
  ms: number;
}

/** A photo of one owner. */
export interface Photo extends ImageFacts {
  /** UUIDv7: sorts by creation. */
  id: string;
  ownerId: string;
  /** Cleaned name from the client. */
  filename: string;
  favorite: boolean;
  createdAt: Date;
  /** In tree order. */
  stages: StageState[];
}

/** Which bytes of a photo. */
export type BlobKind = "original" | "preview" | "thumbnail";

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** True for text that can be a photo id; anything else is unknown without asking the store. */
export function isPhotoId(text: string): boolean {
  return uuidPattern.test(text);
}
