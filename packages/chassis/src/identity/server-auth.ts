import type { CallContext, ServerMiddlewareCall } from "nice-grpc-common";
import { invalidArgument, permissionDenied, unauthenticated } from "../errors/errors.ts";
import { isUuid } from "../ids.ts";
import { actingUserKey, anonymous, type Identity } from "./identity.ts";
import type { TokenVerifier } from "./token-verifier.ts";

/** What every RPC handler finds in its context besides gRPC's own fields. */
export interface IdentityContext {
  identity: Identity;
}

/**
 * Verifies the caller's token on every call and puts the identity in the context.
 * Calls without a token stay anonymous; rules that need somebody call {@link requireUser}.
 */
export function identityMiddleware(verifier: TokenVerifier) {
  return async function* identify<Request, Response>(
    call: ServerMiddlewareCall<Request, Response, IdentityContext>,
    context: CallContext,
  ) {
    const header = context.metadata.get("authorization");
    const identity = header ? await identityFromHeader(verifier, header) : anonymous;
    return yield* call.next(call.request, {
      ...context,
      identity: withActingUser(identity, context.metadata.get(actingUserKey)),
    });
  };
}

/** The user who calls, or on whose behalf a service calls. */
export function requireUser(identity: Identity): string {
  if (identity.kind === "anonymous") throw unauthenticated("UNAUTHENTICATED", "An access token is required.");
  if (identity.userId === undefined)
    throw permissionDenied("NO_ACTING_USER", "The call names no acting user.");
  return identity.userId;
}

/** The user on whose behalf a service calls; users themselves are refused. */
export function requireService(identity: Identity): string {
  const userId = requireUser(identity);
  if (identity.kind !== "service") throw permissionDenied("SERVICES_ONLY", "Only services may call this.");
  return userId;
}

async function identityFromHeader(verifier: TokenVerifier, header: string): Promise<Identity> {
  const match = /^Bearer ([A-Za-z0-9_.~+/=-]+)$/.exec(header);
  if (!match?.[1]) throw unauthenticated("INVALID_TOKEN", "The authorization must be a bearer token.");
  return verifier.verify(match[1]);
}

function withActingUser(identity: Identity, actingUser: string | undefined): Identity {
  // Only services act for others: the key is ignored from anyone else.
  if (identity.kind !== "service" || actingUser === undefined) return identity;
  if (!isUuid(actingUser)) throw invalidArgument("INVALID_ACTING_USER", "The acting user is not an id.");
  return { ...identity, userId: actingUser };
}
