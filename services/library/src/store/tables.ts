import type { EventTables } from "@ocelli/chassis";
import type { Generated } from "kysely";
import type { ExifFields, StageStatus } from "../photo.ts";

/** Tables of the library's store. */
export interface LibraryTables extends EventTables {
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
}
