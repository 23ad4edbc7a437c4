import { type Access, accessByPath } from "@ocelli/contracts";
import { permissionDenied, unauthenticated } from "../errors/errors.ts";
import type { Identity } from "./identity.ts";

/**
 * Lets a caller into a method, or not.
 * @throws AppError UNAUTHENTICATED/UNAUTHENTICATED without a token, PERMISSION_DENIED/{METHOD_CLOSED,SERVICES_ONLY,
 * SESSION_REQUIRED,SCOPE_REQUIRED} with one that does not suffice.
 */
export function checkAccess(path: string, identity: Identity): void {
  const access = accessByPath.get(path);
  // A method without a rule is open to nobody, not to everybody.
  if (!access) throw permissionDenied("METHOD_CLOSED", "Nobody may call this method.");
  if (access === "public") return;
  if (identity.kind === "anonymous") throw unauthenticated("UNAUTHENTICATED", "An access token is required.");
  if (identity.kind === "service" && identity.internal) return;
  requireAccess(access, identity);
}

/** True when the caller's token holds a scope. */
export function hasScope(identity: Identity, scope: string): boolean {
  if (identity.kind === "anonymous") return false;
  return (identity.kind === "service" && identity.internal) || identity.scopes.has(scope);
}

function requireAccess(
  access: Exclude<Access, "public">,
  identity: Exclude<Identity, { kind: "anonymous" }>,
): void {
  if (access === "service") {
    throw permissionDenied("SERVICES_ONLY", "Only Ocelli's own services may call this.");
  }
  if (access === "session") {
    if (identity.kind === "user" && identity.grant.kind === "session") return;
    throw permissionDenied(
      "SESSION_REQUIRED",
      "This needs a login; API keys and service accounts are refused.",
    );
  }
  if (!identity.scopes.has(access)) {
    throw permissionDenied("SCOPE_REQUIRED", `The access token does not hold the scope ${access}.`);
  }
}
