import type { HttpBindings } from "@hono/node-server";
import type { CallOrigin, RpcCallOptions, UserIdentity } from "@ocelli/chassis";
import type { Context } from "hono";
import type { CookiePolicy } from "./cookies.ts";
import type { UpgradeOffer } from "./live/upgrade.ts";
import type { RateLimitState } from "./rate-limits.ts";

/** The user behind a request, as proven by the access token. */
export interface Caller {
  readonly userId: string;
  /** The access token itself; passed on to every service, which verifies it again. */
  readonly token: string;
  /** The session or API key that the token rests on. */
  readonly grant: UserIdentity["grant"];
  readonly scopes: ReadonlySet<string>;
}

/** What middleware leaves for handlers. */
export interface GatewayEnv {
  Bindings: HttpBindings & { upgrade?: UpgradeOffer };
  Variables: {
    traceId: string;
    requestId: string;
    /** Methods the path knows, when the request used another one. */
    allow: string;
    /** Set on routes that need a user. */
    caller: Caller;
    /** Client address, believed through trusted proxies only, and user agent. */
    origin: CallOrigin;
    /** Whether the client spoke https to a trusted proxy. */
    secure: boolean;
    /** How session cookies are made and judged. */
    cookiePolicy: CookiePolicy;
    /** What is left of the limit that this request counted against. */
    rateLimit: RateLimitState;
    /** Moment on the clock of `performance.now()` after which the request's time is up. */
    deadlineAt: number;
    /** True once the request was let in as work that is not too much. */
    admitted: boolean;
  };
}

/** Context of every handler. */
export type GatewayContext = Context<GatewayEnv>;

// Somebody waits for the answer: a service that restarts is given a moment, one that is down is reported at once.
const retries = { retryMaxAttempts: 2, retryBaseDelayMs: 100 };

/** Gives a request its time, from now on. */
export function startBudget(c: GatewayContext, ms: number): void {
  c.set("deadlineAt", performance.now() + ms);
}

/** Lets a request that waited for its client go on for a while: what the client took is not the services' fault. */
export function extendBudget(c: GatewayContext, ms: number): void {
  c.set("deadlineAt", Math.max(c.get("deadlineAt") ?? 0, performance.now() + ms));
}

/**
 * Options of a call made for this request: the user's token where there is one, and cancellation when the client leaves.
 * Without a deadline of its own, in milliseconds from now, a call has what is left of the request's time; one of its own
 * gives the request as much.
 */
export function callOptions(
  c: GatewayContext,
  deadlineMs?: number,
): RpcCallOptions & { signal: AbortSignal } {
  // Absent on public routes, whatever the type says.
  const caller: Caller | undefined = c.get("caller");
  if (deadlineMs !== undefined) extendBudget(c, deadlineMs);
  // Absent where a route is called without the application around it.
  const deadlineAt: number | undefined = c.get("deadlineAt");
  const left = deadlineAt === undefined ? undefined : new Date(Date.now() + deadlineAt - performance.now());
  const deadline = deadlineMs ?? left;
  return {
    signal: c.req.raw.signal,
    ...retries,
    ...(caller ? { bearer: caller.token } : {}),
    ...(deadline === undefined ? {} : { deadline }),
  };
}

/** {@link callOptions} for calls to auth, which limits and audits by where a request came from. */
export function authCallOptions(
  c: GatewayContext,
  deadlineMs?: number,
): RpcCallOptions & { signal: AbortSignal } {
  return { ...callOptions(c, deadlineMs), origin: c.get("origin") };
}
