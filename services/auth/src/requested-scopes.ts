import { permissionDenied } from "@ocelli/chassis";
import { type Scope, scopes } from "@ocelli/contracts";
import { z } from "zod";

/** Scopes that somebody asks for: at least one, each once, each known. */
export const requestedScopes = z
  .array(z.enum(scopes, `must be of ${scopes.join(", ")}`))
  .min(1, "must name at least one")
  .max(scopes.length, "must name each once")
  .refine((list) => new Set(list).size === list.length, "must name each once");

/**
 * Nobody hands on what he does not hold.
 * @throws AppError PERMISSION_DENIED/SCOPE_NOT_HELD.
 */
export function requireHeld(requested: readonly Scope[], held: (scope: Scope) => boolean): void {
  const missing = requested.filter((scope) => !held(scope));
  if (missing.length === 0) return;
  throw permissionDenied("SCOPE_NOT_HELD", `You do not hold ${missing.join(", ")}.`);
}
