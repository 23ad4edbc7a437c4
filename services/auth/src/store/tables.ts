import type { EventTables } from "@ocelli/chassis";
import type { ColumnType, Generated } from "kysely";

type Bytes = ColumnType<Buffer, Uint8Array, Uint8Array>;

/** Tables of the auth service. */
export interface AuthTables extends EventTables, AccountTables, GrantTables, ProtectionTables {}

/** Who people are and how they prove it. */
interface AccountTables {
  users: {
    id: string;
    /** As given, trimmed. */
    email: string;
    /** Unique form of the address. */
    email_canonical: string;
    name: string;
    role: "user" | "admin";
    /** Argon2id in PHC format; null for accounts that only log in through an OpenID provider. */
    password_hash: string | null;
    created_at: Date;
    email_verified_at: Date | null;
    /** Set while an administrator keeps the account closed. */
    disabled_at: Date | null;
  };
  /** Single-use tokens of links sent by e-mail; used ones are deleted. */
  action_tokens: {
    /** SHA-256 of the token. */
    token_hash: Bytes;
    user_id: string;
    purpose: "reset-password" | "verify-email";
    /** Address the link was sent to; verifying it makes it the account's address. */
    email: string;
    email_canonical: string;
    created_at: Date;
    expires_at: Date;
  };
  second_factors: {
    user_id: string;
    /** TOTP secret, in the clear or encrypted. */
    secret: Bytes;
    encrypted: boolean;
    created_at: Date;
    /** Null until the first code was right: logins ask for codes only after it. */
    confirmed_at: Date | null;
    /** Time step of the last code accepted; codes of this or an earlier step are refused. int8 arrives as text. */
    last_step: ColumnType<string | null, number | null, number | null>;
  };
  /** Codes not used yet. */
  recovery_codes: {
    user_id: string;
    code_hash: Bytes;
  };
  /** Accounts at an OpenID provider that log in here. */
  identities: {
    issuer: string;
    subject: string;
    user_id: string;
    linked_at: Date;
  };
  /** Logins through an OpenID provider that began and have not ended. */
  oidc_logins: {
    /** SHA-256 of the `state`. */
    state_hash: Bytes;
    /** SHA-256 of the secret that only the browser holds. */
    browser_hash: Bytes;
    /** PKCE verifier, encrypted with a key derived from the state. */
    code_verifier: Bytes;
    nonce: string;
    return_to: string;
    /** Account to link; null for a login. */
    user_id: string | null;
    /** Session that asked for the link. */
    session_id: string | null;
    expires_at: Date;
  };
}

/** What access rests on. */
interface GrantTables {
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
    address: Generated<string>;
    user_agent: Generated<string>;
    method: Generated<string>;
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
  api_keys: {
    id: string;
    user_id: string;
    name: string;
    /** First characters of the key. */
    prefix: string;
    /** SHA-256 of the key. */
    secret_hash: Bytes;
    scopes: string[];
    created_at: Date;
    expires_at: Date | null;
    last_used_at: Date | null;
  };
  service_accounts: {
    id: string;
    name: string;
    /** SHA-256 of the secret. */
    secret_hash: Bytes;
    scopes: string[];
    /** The one user it acts for; null for any. */
    user_id: string | null;
    created_at: Date;
    last_used_at: Date | null;
  };
  /** Grants whose access tokens must be refused, kept until no such token can be alive. */
  revocations: {
    grant_id: string;
    revoked_at: Date;
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
    /** From then on it signs; it is published at once, so that every verifier knows it by then. */
    activates_at: Date;
    /** Published until no token signed with it can be alive. */
    retired_at: Date | null;
  };
}

/** What guards and records. */
interface ProtectionTables {
  /** Sliding windows of attempts. */
  attempt_windows: {
    /** SHA-256 of what is counted: an address or an account. */
    key: Bytes;
    window_start: Date;
    count: number;
    previous_count: number;
    expires_at: Date;
  };
  /** Failures in a row, each making the next attempt wait longer. */
  attempt_failures: {
    key: Bytes;
    failures: number;
    blocked_until: Date;
    expires_at: Date;
  };
  /** E-mail not delivered yet. */
  mails: {
    id: string;
    /** Deleted with its account; null for addresses without one. */
    user_id: string | null;
    recipient: string;
    template: string;
    /** Values of the template as JSON, in the clear or encrypted: they hold links with tokens. */
    content: Bytes;
    encrypted: boolean;
    created_at: Date;
    attempts: Generated<number>;
    next_attempt_at: Date;
    last_error: Generated<string>;
  };
  /** Append-only. */
  audit_log: {
    id: string;
    at: Date;
    actor: string;
    action: string;
    subject_user_id: string | null;
    target_id: string;
    outcome: "success" | "failure";
    reason: string;
    address: string;
    user_agent: string;
  };
}
