import type { ServiceIdentity, UserIdentity } from "@ocelli/chassis";
import { scopes } from "@ocelli/contracts";

/** A user as a verifier knows him after a login: every scope but `admin`, or with it. */
export function userIdentity(
  userId: string,
  options: { admin?: boolean; sessionId?: string } = {},
): UserIdentity {
  const held = scopes.filter((scope) => scope !== "admin" || options.admin);
  return {
    kind: "user",
    userId,
    grant: { kind: "session", id: options.sessionId ?? userId },
    scopes: new Set(held),
  };
}

/** One of Ocelli's own services. */
export function ownService(service: string): ServiceIdentity {
  return { kind: "service", service, internal: true, scopes: new Set(), userId: undefined };
}
