import { AppError } from "@ocelli/chassis";
import type { MiddlewareHandler } from "hono";
import { Status } from "nice-grpc";
import type { GatewayEnv } from "./context.ts";

/**
 * Refuses HEAD with 405 on routes whose GET does something: the router answers HEAD with the GET handler, and a program
 * that only looks whether a link works must not use it up.
 */
export function refuseHead(): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    if (c.req.method === "HEAD") {
      c.set("allow", "GET");
      throw new AppError({
        code: Status.UNIMPLEMENTED,
        reason: "METHOD_NOT_ALLOWED",
        message: "This address takes GET.",
      });
    }
    await next();
  };
}
