import type { EventTables } from "@ocelli/chassis";
import type { ColumnType } from "kysely";

type Bytes = ColumnType<Buffer, Uint8Array, Uint8Array>;

/** Tables of the auth service. */
export interface AuthTables extends EventTables {
  users: {
    id: string;
    /** As given, trimmed. */
    email: string;
    /** Unique form of the address. */
    email_canonical: string;
    name: string;
    role: "user" | "admin";
    /** Argon2id in PHC format. */
    password_hash: string;
    created_at: Date;
  };
  /** One login: a family of refresh tokens. */
  sessions: {
    id: string;
    user_id: string;
    created_at: Date;
    last_used_at: Date;
    /** Absolute end. */
    expires_at: Date;
    revoked_at: Date | null;
    revoked_reason: string | null;
  };
  refresh_tokens: {
    /** SHA-256 of the token; the token itself is nowhere. */
    token_hash: Bytes;
    session_id: string;
    issued_at: Date;
    /** End by idleness, or of the session. */
    expires_at: Date;
    used_at: Date | null;
    /** The successor, encrypted with a key derived from this token: only who presents this token can read it. */
    successor_sealed: ColumnType<Buffer | null, Uint8Array | null, Uint8Array | null>;
  };
  signing_keys: {
    /** RFC 7638 thumbprint. */
    kid: string;
    /** Public key, the `x` of its JWK. */
    x: string;
    /** Private JWK as JSON, in the clear or encrypted. */
    private_key: Bytes;
    encrypted: boolean;
    status: "active" | "retired";
    created_at: Date;
  };
}
