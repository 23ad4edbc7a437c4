import { AppError, notFound } from "@ocelli/chassis";
import type { Hono } from "hono";
import { Status } from "nice-grpc";
import type { GatewayContext, GatewayEnv } from "./context.ts";

const methods = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;

/**
 * The error for a request that no route takes; names the methods that the path does know in `Allow`.
 * Always throws: METHOD_NOT_ALLOWED or ROUTE_NOT_FOUND.
 */
export function refuseUnknownRoute(app: Hono<GatewayEnv>, c: GatewayContext): never {
  const allowed = methods.filter((method) => hasRoute(app, method, c.req.path));
  if (allowed.length === 0) throw notFound("ROUTE_NOT_FOUND", "There is nothing at this address.");
  c.set("allow", allowed.join(", "));
  throw new AppError({
    code: Status.UNIMPLEMENTED,
    reason: "METHOD_NOT_ALLOWED",
    message: `This address takes ${allowed.join(", ")}.`,
  });
}

function hasRoute(app: Hono<GatewayEnv>, method: string, path: string): boolean {
  const [handlers] = app.router.match(method, path);
  return handlers.some(([[, route]]) => route.method === method);
}
