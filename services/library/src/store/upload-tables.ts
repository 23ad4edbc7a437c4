import type { Generated } from "kysely";

/** Tables of uploads in pieces. */
export interface UploadTables {
  uploads: {
    id: string;
    owner_id: string;
    filename: string;
    album_id: string | null;
    size_bytes: number;
    /** Bytes that are durable in the upload's file, which may hold more. */
    offset_bytes: Generated<number>;
    created_at: Generated<Date>;
    expires_at: Date;
    /** Who works on the file now, and how long nobody else may. */
    lease_id: string | null;
    lease_until: Date | null;
    /** Set once taken in; the photo may have been deleted since. */
    photo_id: string | null;
    duplicate: Generated<boolean>;
    /** Set when the bytes were refused for good. */
    failure_reason: string | null;
    failure_message: string | null;
  };
}
