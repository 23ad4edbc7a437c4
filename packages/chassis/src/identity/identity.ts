/** Who is calling, as proven by an access token. */
export type Identity = Anonymous | UserIdentity | ServiceIdentity;

/** Nobody. */
export interface Anonymous {
  readonly kind: "anonymous";
}

/** A user, by a session or an API key. */
export interface UserIdentity {
  readonly kind: "user";
  readonly userId: string;
  /** What the access rests on; revoking it ends the access. */
  readonly grant: { readonly kind: "session" | "api-key"; readonly id: string };
  /** What the token may be used for; see `scopes` of the contracts. */
  readonly scopes: ReadonlySet<string>;
}

/** A program with a service account. */
export interface ServiceIdentity {
  readonly kind: "service";
  /** Service account name. */
  readonly service: string;
  /** True for Ocelli's own services, which may call everything; others have scopes. */
  readonly internal: boolean;
  readonly scopes: ReadonlySet<string>;
  /** User on whose behalf the service acts. */
  readonly userId: string | undefined;
  /** Account id; absent for Ocelli's own services, which cannot be revoked. */
  readonly grantId?: string;
  /** The one user it may act for; absent when it may act for any. */
  readonly onlyUserId?: string;
}

/** Where a call comes from, for limits and the audit log. */
export interface CallOrigin {
  /** Client address, as the gateway saw it, or the peer of a direct call. */
  readonly address: string;
  /** User agent of the client, cut to 200 characters; empty when unknown. */
  readonly userAgent: string;
}

/** Metadata key that carries the user on whose behalf a service calls. */
export const actingUserKey = "x-ocelli-acting-user";
/** Metadata keys with which the gateway tells where a request came from; believed only with its own token beside. */
export const originKeys = {
  address: "x-ocelli-client-address",
  userAgent: "x-ocelli-client-agent",
  proof: "x-ocelli-client-proof",
} as const;

/** Longest user agent kept. */
export const maxUserAgentLength = 200;

/** Nobody. */
export const anonymous: Anonymous = { kind: "anonymous" };
