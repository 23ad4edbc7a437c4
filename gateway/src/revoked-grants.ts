import type { Revocations } from "@ocelli/chassis";

/**
 * Refuses tokens of sessions or API keys that a request has just ended, without waiting for the event that tells
 * everybody: the client's next request here must not get in. Ids may be empty.
 */
export function refuseGrants({ revocations }: { revocations: Revocations }, ...grantIds: string[]): void {
  for (const id of grantIds) if (id !== "") revocations.add(id);
}
