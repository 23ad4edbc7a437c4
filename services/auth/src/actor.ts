import type { CallOrigin, IdentityContext } from "@ocelli/chassis";

/** Who does something, and from where, for the audit log and the limits. */
export interface Actor {
  /** A user's id, `service:<name>`, `operator` for the command line, or empty for a stranger. */
  readonly name: string;
  readonly origin: CallOrigin;
}

/** The command line. */
export const operator: Actor = { name: "operator", origin: { address: "", userAgent: "" } };

/** The caller of an RPC. */
export function actorOf({ identity, origin }: Pick<IdentityContext, "identity" | "origin">): Actor {
  if (identity.kind === "user") return { name: identity.userId, origin };
  return { name: identity.kind === "service" ? `service:${identity.service}` : "", origin };
}
