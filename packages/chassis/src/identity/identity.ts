/** Who is calling, as proven by an access token. */
export type Identity =
  | { readonly kind: "anonymous" }
  | { readonly kind: "user"; readonly userId: string; readonly sessionId: string }
  | {
      readonly kind: "service";
      /** Service account name. */
      readonly service: string;
      /** User on whose behalf the service acts. */
      readonly userId: string | undefined;
    };

/** Metadata key that carries the user on whose behalf a service calls. */
export const actingUserKey = "x-ocelli-acting-user";

/** Nobody. */
export const anonymous: Identity = { kind: "anonymous" };
