import type { HttpBindings } from "@hono/node-server";
import type { RpcCallOptions } from "@ocelli/chassis";
import type { Context } from "hono";

/** The user behind a request, as proven by the access token. */
export interface Caller {
  readonly userId: string;
  /** The access token itself; passed on to every service, which verifies it again. */
  readonly token: string;
}

/** What middleware leaves for handlers. */
export interface GatewayEnv {
  Bindings: HttpBindings;
  Variables: {
    traceId: string;
    requestId: string;
    /** Methods the path knows, when the request used another one. */
    allow: string;
    /** Set on routes that need a token. */
    caller: Caller;
  };
}

/** Context of every handler. */
export type GatewayContext = Context<GatewayEnv>;

// Somebody waits for the answer: a service that restarts is given a moment, one that is down is reported at once.
const retries = { retryMaxAttempts: 2, retryBaseDelayMs: 100 };

/**
 * Options of a call made for this request: the user's token where there is one, and cancellation when the client leaves.
 * The deadline is relative, in milliseconds.
 */
export function callOptions(
  c: GatewayContext,
  deadlineMs?: number,
): RpcCallOptions & { signal: AbortSignal } {
  // Absent on public routes, whatever the type says.
  const caller: Caller | undefined = c.get("caller");
  return {
    signal: c.req.raw.signal,
    ...retries,
    ...(caller ? { bearer: caller.token } : {}),
    ...(deadlineMs === undefined ? {} : { deadline: deadlineMs }),
  };
}
