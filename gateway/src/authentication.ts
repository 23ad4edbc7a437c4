import { permissionDenied, type TokenVerifier, unauthenticated } from "@ocelli/chassis";
import type { MiddlewareHandler } from "hono";
import type { GatewayEnv } from "./context.ts";

/** Proves who calls before anything of the body is read; services verify the same token again. */
export function requireUserToken(verifier: TokenVerifier): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    const header = c.req.header("authorization");
    if (!header) throw unauthenticated("UNAUTHENTICATED", "An access token is required.");
    const token = /^Bearer +([A-Za-z0-9_.~+/=-]+)$/i.exec(header)?.[1];
    if (!token) throw unauthenticated("INVALID_TOKEN", "The authorization must be a bearer token.");
    const identity = await verifier.verify(token);
    if (identity.kind !== "user") throw permissionDenied("USERS_ONLY", "Only users may call the HTTP API.");
    c.set("caller", { userId: identity.userId, token });
    await next();
  };
}
