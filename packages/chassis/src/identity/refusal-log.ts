import type { Logger } from "pino";
import type { Identity } from "./identity.ts";

/** A caller with a good token who asked for what the token does not open. */
export interface Refusal {
  /** RPC path, or HTTP method and route. */
  method: string;
  identity: Identity;
  /** UPPER_SNAKE reason of the error; only those that speak of missing rights are logged. */
  reason: string;
}

/** Shows operators who tries doors. */
export interface RefusalLog {
  note(refusal: Refusal): void;
}

const reasons: ReadonlySet<string> = new Set(["SCOPE_REQUIRED", "SESSION_REQUIRED", "SERVICES_ONLY"]);
const windowMs = 60_000;
const maxPerActor = 10;
// Over all actors: somebody may hold many tokens. Also bounds what is remembered.
const maxInAll = 300;

/**
 * Creates a log of refusals, at level info: who was refused what, by ids alone. At most 10 lines per actor and 300 in
 * all per minute; how many more there were stands in one line of the next minute that has any. `clock` is in milliseconds.
 */
export function createRefusalLog({
  log,
  clock = () => performance.now(),
}: {
  log: Logger;
  clock?: () => number;
}): RefusalLog {
  let window = { endsAt: 0, lines: 0, unlogged: 0, byActor: new Map<string, number>() };

  function turn(): void {
    const now = clock();
    if (now < window.endsAt) return;
    if (window.unlogged > 0) log.info({ refusals: window.unlogged }, "further calls were refused");
    window = { endsAt: now + windowMs, lines: 0, unlogged: 0, byActor: new Map() };
  }

  return {
    note({ method, identity, reason }) {
      if (!reasons.has(reason)) return;
      turn();
      const actor = actorOf(identity);
      const key = `${actor.actor}:${actor.actorId}`;
      const soFar = window.byActor.get(key) ?? 0;
      if (soFar >= maxPerActor || window.lines >= maxInAll) {
        window.unlogged += 1;
        return;
      }
      window.byActor.set(key, soFar + 1);
      window.lines += 1;
      log.info({ method, reason, ...actor }, "call refused");
    },
  };
}

function actorOf(identity: Identity): { actor: string; actorId: string; grant?: string; grantId?: string } {
  if (identity.kind === "anonymous") return { actor: "anonymous", actorId: "" };
  if (identity.kind === "user") {
    const { kind, id } = identity.grant;
    return { actor: "user", actorId: identity.userId, grant: kind, grantId: id };
  }
  // Accounts may share a name over time; the id says which one it was.
  return { actor: "service", actorId: identity.grantId ?? identity.service };
}
