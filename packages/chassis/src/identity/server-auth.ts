import type { CallContext, ServerMiddlewareCall } from "nice-grpc-common";
import { AppError } from "../errors/app-error.ts";
import { invalidArgument, permissionDenied, unauthenticated } from "../errors/errors.ts";
import { isUuid } from "../ids.ts";
import { checkAccess } from "./access.ts";
import {
  actingUserKey,
  anonymous,
  type CallOrigin,
  type Identity,
  maxUserAgentLength,
  originKeys,
  type ServiceIdentity,
} from "./identity.ts";
import type { RefusalLog } from "./refusal-log.ts";
import type { TokenVerifier } from "./token-verifier.ts";

/** What every RPC handler finds in its context besides gRPC's own fields. */
export interface IdentityContext {
  identity: Identity;
  origin: CallOrigin;
}

/**
 * Verifies the caller's token on every call, checks that it may call the method, and puts identity and origin in the
 * context. Calls without a token stay anonymous; only public methods let them in. Whoever has a token and asks for what
 * it does not open, here or in a handler, is noted.
 */
export function identityMiddleware(verifier: TokenVerifier, refusals: RefusalLog) {
  return async function* identify<Request, Response>(
    call: ServerMiddlewareCall<Request, Response, IdentityContext>,
    context: CallContext,
  ) {
    const header = context.metadata.get("authorization");
    const proven = header ? await identityFromHeader(verifier, header) : anonymous;
    const identity = withActingUser(proven, context.metadata.get(actingUserKey));
    const method = call.method.path;
    try {
      checkAccess(method, identity);
      const origin = await originOf(verifier, context);
      return yield* call.next(call.request, { ...context, identity, origin });
    } catch (error) {
      if (error instanceof AppError) refusals.note({ method, identity, reason: error.reason });
      throw error;
    }
  };
}

/** The user who calls, or on whose behalf a service calls. */
export function requireUser(identity: Identity): string {
  if (identity.kind === "anonymous") throw unauthenticated("UNAUTHENTICATED", "An access token is required.");
  if (identity.userId === undefined)
    throw permissionDenied("NO_ACTING_USER", "The call names no acting user.");
  return identity.userId;
}

/** The user on whose behalf one of Ocelli's own services calls; everybody else is refused. */
export function requireService(identity: Identity): string {
  const userId = requireUser(identity);
  if (identity.kind !== "service" || !identity.internal) {
    throw permissionDenied("SERVICES_ONLY", "Only Ocelli's own services may call this.");
  }
  return userId;
}

async function identityFromHeader(verifier: TokenVerifier, header: string): Promise<Identity> {
  const match = /^Bearer ([A-Za-z0-9_.~+/=-]+)$/.exec(header);
  if (!match?.[1]) throw unauthenticated("INVALID_TOKEN", "The authorization must be a bearer token.");
  return verifier.verify(match[1]);
}

function withActingUser(identity: Identity, actingUser: string | undefined): Identity {
  // Only services act for others: the key is ignored from anyone else.
  if (identity.kind !== "service") return identity;
  const userId = actingUser ?? identity.onlyUserId;
  if (userId === undefined) return identity;
  if (!isUuid(userId)) throw invalidArgument("INVALID_ACTING_USER", "The acting user is not an id.");
  requireAllowedUser(identity, userId);
  return { ...identity, userId };
}

function requireAllowedUser({ onlyUserId }: ServiceIdentity, userId: string): void {
  if (onlyUserId === undefined || onlyUserId === userId) return;
  throw permissionDenied("ACTING_USER_NOT_ALLOWED", "The service account may not act for this user.");
}

/** What the gateway says of its client; from anyone else only the connection itself is believed. */
async function originOf(verifier: TokenVerifier, context: CallContext): Promise<CallOrigin> {
  const proof = context.metadata.get(originKeys.proof);
  const gateway = proof ? await verifier.verify(proof) : undefined;
  const { metadata } = context;
  if (gateway?.kind === "service" && gateway.internal) {
    return {
      address: (metadata.get(originKeys.address) ?? "").slice(0, 64),
      userAgent: (metadata.get(originKeys.userAgent) ?? "").slice(0, maxUserAgentLength),
    };
  }
  return {
    address: addressOf(context.peer),
    userAgent: (metadata.get("user-agent") ?? "").slice(0, maxUserAgentLength),
  };
}

/** The address of a gRPC peer, which comes as `host:port`, `[host]:port` or `unix:path`. */
function addressOf(peer: string): string {
  return /^\[(.+)\]:\d+$/.exec(peer)?.[1] ?? /^([^:]+):\d+$/.exec(peer)?.[1] ?? "";
}
