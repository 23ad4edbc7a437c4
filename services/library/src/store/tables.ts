import type { DeletedOwnerTables } from "@ocelli/chassis";
import type { Generated } from "kysely";
import type { ExifFields, StageStatus } from "../photo.ts";

/** Tables of the library's store. */
export interface LibraryTables extends DeletedOwnerTables {
  /** One row per distinct bytes, whoever owns them. */
  images: {
    sha256: string;
    media_type: string;
    width: number;
    height: number;
    size_bytes: number;
    taken_at: Date | null;
    exif: ExifFields | null;
  };
  photos: {
    id: string;
    owner_id: string;
    sha256: string;
    filename: string;
    favorite: Generated<boolean>;
    created_at: Date;
  };
  photo_stages: {
    photo_id: string;
    owner_id: string;
    stage: string;
    status: StageStatus;
    attempts: Generated<number>;
    error: Generated<string>;
    model: Generated<string>;
    ms: Generated<number>;
    updated_at: Generated<Date>;
  };
  /** What every owner's photos take; kept in the transactions that store and delete them. */
  owner_usage: {
    owner_id: string;
    photos: Generated<number>;
    /** Bytes of originals. */
    bytes: Generated<number>;
    /** Limits of this owner; 0 is unlimited, null the installation's default. */
    max_photos: number | null;
    max_bytes: number | null;
  };
  /** Bytes whose files may lie in the blob store without an image; since ever, when their image was deleted. */
  loose_blobs: { sha256: string; since: Generated<Date> };
}
