import { createHash } from "node:crypto";
import { z } from "@hono/zod-openapi";
import type { GatewayContext } from "./context.ts";
import { validationError } from "./problem.ts";

/** Header with which a client makes a request once however often it sends it. */
export const idempotencyHeader = z.object({
  "idempotency-key": z.string().min(1).max(255).optional().openapi({
    description: "Chosen by the client; requests of one user with the same key do the same thing once.",
  }),
});

/**
 * The request id for which a request's `Idempotency-Key` stands: a UUID is itself, any other text the UUID of its hash.
 * @throws AppError INVALID_ARGUMENT for an empty or overlong key.
 */
export function requestIdOf(c: GatewayContext): string | undefined {
  const parsed = idempotencyHeader.safeParse({ "idempotency-key": c.req.header("idempotency-key") });
  if (!parsed.success) throw validationError(parsed.error);
  const key = parsed.data["idempotency-key"];
  if (key === undefined) return undefined;
  const uuid = z.uuid().toLowerCase().safeParse(key);
  if (uuid.success) return uuid.data;
  // Version 8: bits of the application's own choice (RFC 9562, 5.8).
  const hex = createHash("sha256").update(`idempotency-key ${key}`).digest("hex");
  const groups = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`];
  return [...groups, hex.slice(20, 32)].join("-");
}
