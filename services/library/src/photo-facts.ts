import type { eventsV1 } from "@ocelli/contracts";
import type { ImageFacts, Photo, PhotoLocation } from "./photo.ts";

/** What other services are told of a photo that is to be analysed. */
export interface PhotoFacts
  extends Pick<Photo, "id" | "ownerId" | "filename" | "createdAt">,
    Pick<
      ImageFacts,
      "sha256" | "mediaType" | "width" | "height" | "sizeBytes" | "takenAt" | "camera" | "lens"
    >,
    Pick<PhotoLocation, "city" | "region" | "country"> {}

const nowhere = { city: "", region: "", country: "" };

/** The facts of a whole photo. */
export function factsOf(photo: Photo): PhotoFacts {
  return { ...photo, ...(photo.location ?? nowhere) };
}

/** `library.photo.ready`, as it is sent, repeated in requests, and listed for the index. */
export function toPhotoReady(facts: PhotoFacts, requestId?: string): eventsV1.PhotoReady {
  const { id: photoId, ownerId, sha256, width, height, filename, createdAt, mediaType, sizeBytes } = facts;
  const { camera, lens, city, region, country } = facts;
  return {
    photo: { photoId, ownerId, sha256, requestId },
    width,
    height,
    filename,
    takenAt: facts.takenAt ?? undefined,
    createdAt,
    mediaType,
    sizeBytes,
    camera,
    lens,
    city,
    region,
    country,
  };
}

/** What an owner has said of a photo. */
export interface SaidOfPhoto {
  id: string;
  ownerId: string;
  sha256: string;
  title: string;
  description: string;
  favorite: boolean;
  hidden: boolean;
  trashed: boolean;
  takenAt: Date | null;
  /** Changes so far. */
  revision: number;
}

/** `library.photo.changed`, as it is sent and listed for the index. */
export function toPhotoChanged(said: SaidOfPhoto): eventsV1.PhotoChanged {
  const { id: photoId, ownerId, sha256, title, description, favorite, hidden, trashed, revision } = said;
  return {
    photo: { photoId, ownerId, sha256 },
    title,
    description,
    favorite,
    withheld: hidden || trashed,
    takenAt: said.takenAt ?? undefined,
    revision,
  };
}
