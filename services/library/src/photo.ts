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
  /** Capture time from its metadata. */
  takenAt: Date | null;
  /** Minutes east of UTC at the place of capture; null when unknown, `takenAt` is then the camera's clock read as UTC. */
  takenAtOffsetMinutes: number | null;
  /** Make and model; empty when unknown. */
  camera: string;
  /** Empty when unknown. */
  lens: string;
  location: PhotoLocation | null;
  exif: ExifFields | null;
}

/** Where a photo was taken. */
export interface PhotoLocation {
  /** Degrees north. */
  latitude: number;
  /** Degrees east. */
  longitude: number;
  /** Nearest town; empty when there is none near. */
  city: string;
  /** State or province; empty when unknown. */
  region: string;
  /** In English; empty when unknown. */
  country: string;
}

/** What is kept of a picture's metadata (EXIF, XMP, IPTC), as clients see it. */
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
  /** Millimetres, for a film of 36 x 24. */
  focalLength35mm?: number;
  /** Steps of exposure. */
  exposureBias?: number;
  /** Whether it fired. */
  flash?: boolean;
  software?: string;
  /** Degrees north. */
  latitude?: number;
  /** Degrees east. */
  longitude?: number;
  /** Metres above the sea. */
  altitude?: number;
  title?: string;
  description?: string;
  keywords?: string[];
  /** 1 to 5 stars. */
  rating?: number;
  creator?: string;
  copyright?: string;
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
  /** Owner's title; empty when none. */
  title: string;
  /** Owner's description; empty when none. */
  description: string;
  /** Kept out of lists and searches unless asked for. */
  hidden: boolean;
  /** Null outside the trash. */
  trashedAt: Date | null;
  /** Faces found; null until the photo was scanned. */
  faceCount: number | null;
  /** Albums of whoever asks that hold it. */
  albumIds: string[];
  /** In tree order. */
  stages: StageState[];
}

/** What can be said of a photo besides what its bytes say. */
export type PhotoDetails = Pick<
  Photo,
  "favorite" | "title" | "description" | "hidden" | "trashedAt" | "faceCount" | "albumIds"
>;

/** Details of a photo of which nothing was said yet. */
export function newPhotoDetails(): PhotoDetails {
  return {
    favorite: false,
    title: "",
    description: "",
    hidden: false,
    trashedAt: null,
    faceCount: null,
    albumIds: [],
  };
}

/** Which bytes of a photo there are. */
export const blobKinds = ["original", "preview", "thumbnail"] as const;

/** Which bytes of a photo. */
export type BlobKind = (typeof blobKinds)[number];

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** True for text that can be a photo id; anything else is unknown without asking the store. */
export function isPhotoId(text: string): boolean {
  return uuidPattern.test(text);
}
