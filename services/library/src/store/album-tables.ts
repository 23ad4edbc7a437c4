import type { Generated } from "kysely";

/** What others may do in an album. */
export type SharedRole = "viewer" | "contributor";

/** Tables of albums and of their sharing. */
export interface AlbumTables {
  /** A tree per owner. */
  albums: {
    id: string;
    owner_id: string;
    name: string;
    description: Generated<string>;
    /** Null at the top. */
    parent_id: string | null;
    /** The one chosen; null for the photo added last. */
    cover_photo_id: string | null;
    /** The client's id of the creation; null when it gave none. */
    request_id: string | null;
    created_at: Date;
    updated_at: Date;
    /** Of the newest change that others were told of. */
    revision: Generated<number>;
  };
  album_photos: {
    album_id: string;
    photo_id: string;
    /** Owner of the photo, who in an album shared with contributors need not be that of the album. */
    owner_id: string;
    added_at: Date;
  };
  album_shares: {
    album_id: string;
    /** Owner of the album. */
    owner_id: string;
    user_id: string;
    role: SharedRole;
    created_at: Date;
  };
  album_links: {
    id: string;
    album_id: string;
    owner_id: string;
    /** SHA-256. */
    secret_hash: Buffer;
    password_hash: string | null;
    originals: boolean;
    /** Null for never. */
    expires_at: Date | null;
    created_at: Date;
  };
  link_visits: {
    /** SHA-256. */
    token_hash: Buffer;
    link_id: string;
    /** Owner of the link. */
    owner_id: string;
    expires_at: Date;
  };
  /** Wrong passwords of links in a window of time. */
  link_attempts: {
    /** SHA-256 of what is counted. */
    key: Buffer;
    failures: number;
    window_ends_at: Date;
  };
}
