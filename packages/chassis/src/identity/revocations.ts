import { type EventType, events } from "@ocelli/contracts";
import type { Logger } from "pino";
import type { BusEvent, EventBus, Subscription } from "../events/bus.ts";

/** Grants (sessions, API keys, service accounts) whose access tokens are refused although they have not expired. */
export interface Revocations {
  isRevoked(grantId: string): boolean;
  /** Refuses a grant from now on, without waiting for the event that says so. */
  add(grantId: string): void;
}

/** Revocations that follow the auth service. */
export interface RevocationWatch extends Revocations {
  stop(): Promise<void>;
}

/** What {@link watchRevocations} needs. */
export interface RevocationWatchOptions {
  bus: Pick<EventBus, "watch">;
  /** Asks auth for every revocation that still matters. */
  fetch: () => Promise<string[]>;
  log: Logger;
  now: () => Date;
}

// Events tell of a revocation within milliseconds; asking again makes up for those missed while not connected.
const refetchMs = 15_000;
// Longer than an access token may live (one hour); after it the token is refused because it has expired.
const keptMs = 65 * 60_000;
const maxKept = 200_000;
const filter = "ocelli.auth.*.revoked";

/** Starts following revocations; the first answer of auth need not have come when it resolves. */
export async function watchRevocations(options: RevocationWatchOptions): Promise<RevocationWatch> {
  const { bus, log } = options;
  const list = createRevocations(options.now);
  const subscription: Subscription = await bus.watch(filter, (event) => {
    const id = revokedGrant(event);
    if (id) list.add(id);
  });
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const refetch = async () => {
    try {
      for (const id of await options.fetch()) list.add(id);
    } catch (error) {
      // Auth is away; what is known stays in force.
      log.debug({ err: error }, "revocations could not be fetched");
    }
    if (!stopped) timer = setTimeout(refetch, refetchMs).unref();
  };
  void refetch();
  return {
    ...list,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await subscription.stop();
    },
  };
}

/** A list that forgets entries once no token of theirs can be alive. */
export function createRevocations(now: () => Date): Revocations {
  // In the order of insertion, so that the oldest come first.
  const revokedAt = new Map<string, number>();

  function forgetOld(at: number): void {
    for (const [id, since] of revokedAt) {
      if (at - since <= keptMs && revokedAt.size <= maxKept) return;
      revokedAt.delete(id);
    }
  }

  return {
    isRevoked: (grantId) => revokedAt.has(grantId),
    add(grantId) {
      const at = now().getTime();
      if (revokedAt.has(grantId)) return;
      revokedAt.set(grantId, at);
      forgetOld(at);
    },
  };
}

function revokedGrant(event: BusEvent): string | undefined {
  if (event.subject === events.sessionRevoked.subject) return read(events.sessionRevoked, event)?.sessionId;
  if (event.subject === events.apiKeyRevoked.subject) return read(events.apiKeyRevoked, event)?.apiKeyId;
  return event.subject === events.serviceAccountRevoked.subject
    ? read(events.serviceAccountRevoked, event)?.serviceAccountId
    : undefined;
}

function read<T>(type: EventType<T>, event: BusEvent): T | undefined {
  try {
    return type.message.decode(event.payload);
  } catch {
    // Unreadable here; the next answer of auth brings it.
    return undefined;
  }
}
