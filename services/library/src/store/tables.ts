import type { DeletedOwnerTables } from "@ocelli/chassis";
import type { Generated } from "kysely";
import type { ExifFields, StageStatus } from "../photo.ts";
import type { AlbumTables } from "./album-tables.ts";
import type { FeedTables } from "./feed-tables.ts";
import type { JobTables } from "./job-tables.ts";
import type { UploadTables } from "./upload-tables.ts";

/** Tables of the library's store. */
export interface LibraryTables extends DeletedOwnerTables, AlbumTables, FeedTables, JobTables, UploadTables {
  /** One row per distinct bytes, whoever owns them. */
  images: {
    sha256: string;
    media_type: string;
    width: number;
    height: number;
    size_bytes: number;
    taken_at: Date | null;
    /** Null when unknown; `taken_at` is then the camera's clock read as UTC. */
    taken_at_offset_minutes: number | null;
    camera: Generated<string>;
    lens: Generated<string>;
    latitude: number | null;
    longitude: number | null;
    city: Generated<string>;
    region: Generated<string>;
    country: Generated<string>;
    exif: ExifFields | null;
  };
  photos: {
    id: string;
    owner_id: string;
    sha256: string;
    filename: string;
    favorite: Generated<boolean>;
    created_at: Date;
    title: Generated<string>;
    description: Generated<string>;
    hidden: Generated<boolean>;
    /** Null outside the trash. */
    trashed_at: Date | null;
    /** The owner's word on the capture time; null for that of the image. */
    taken_at_override: Date | null;
    taken_at_override_offset_minutes: number | null;
    /** Override, else capture time of the image, else addition: what lists sort and filter by. */
    captured_at: Date;
    /** Null until the photo was scanned. */
    face_count: number | null;
    /** Counts the owner's changes, so that whoever hears of them late knows which came last. */
    revision: Generated<number>;
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
    /** A job waits for it. */
    watched: Generated<boolean>;
    /** How often it was asked for again because it did not move. */
    requeues: Generated<number>;
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
  /** Of every owner whose account was ever closed, what was said last; kept so that older news is told from newer. */
  disabled_owners: {
    owner_id: string;
    disabled: boolean;
    /** UUIDv7 of the event. */
    event_id: string;
    at: Generated<Date>;
  };
  /** Bytes whose files may lie in the blob store without an image; since ever, when their image was deleted. */
  loose_blobs: { sha256: string; since: Generated<Date> };
}
