import {
  type Admission,
  AppError,
  createRefusalLog,
  invalidArgument,
  type Logger,
  permissionDenied,
  type TokenVerifier,
  unauthenticated,
} from "@ocelli/chassis";
import type { Scope } from "@ocelli/contracts";
import type { MiddlewareHandler } from "hono";
import { routePath } from "hono/route";
import { Status } from "nice-grpc";
import { admit } from "./admit.ts";
import type { ApiKeyTokens } from "./api-keys.ts";
import type { Caller, GatewayContext, GatewayEnv } from "./context.ts";
import { readAccessCookie } from "./cookies.ts";
import { isSafeMethod, requireCsrfToken } from "./csrf.ts";
import { toAppError } from "./problem.ts";
import { type RateLimits, type RouteClass, takeByAddress } from "./rate-limits.ts";

/** Lets requests in by who makes them, and how many of them there were. */
export interface Gate {
  /** Any user, however they prove who they are. Counts as `read` for safe methods and as `write` for others. */
  readonly authenticate: MiddlewareHandler<GatewayEnv>;
  /**
   * A user whose token holds every given scope. Counts as the class; where none is given, as the scope's own class
   * (`admin`, `analyze`, `search`), else like {@link Gate.authenticate}.
   */
  requireScope(scopes: Scope | readonly Scope[], name?: RouteClass): MiddlewareHandler<GatewayEnv>;
  /** A user who logged in, not an API key. */
  requireSession(name?: RouteClass): MiddlewareHandler<GatewayEnv>;
}

/** What {@link createGate} needs. */
export interface GateDeps {
  readonly verifier: TokenVerifier;
  readonly apiKeys: ApiKeyTokens;
  readonly limits: RateLimits;
  /** Decides whether there is room for a request, before anything else of it is looked at. */
  readonly admission: Admission;
}

/** What {@link createGate} needs besides, to note who asks for what his token does not open. */
interface GateLog {
  readonly log: Logger;
}

// One token, unlike several that lines of the same header were joined to.
const bearerPattern = /^Bearer +([A-Za-z0-9_.~+/=-]+)$/i;

/**
 * Everything is decided before a byte of the body is read. Services verify the same token again and check its scopes
 * themselves: what is refused here is only refused earlier.
 */
export function createGate(deps: GateDeps & GateLog): Gate {
  const refusals = createRefusalLog(deps);

  function gate(classOf: (c: GatewayContext) => RouteClass, check: (caller: Caller) => void) {
    async function letIn(c: GatewayContext, name: RouteClass): Promise<void> {
      const caller = await identify(deps, c).catch((error) =>
        Promise.reject(countRefused(deps, c, name, error)),
      );
      const state = deps.limits.take(name, `user:${caller.userId}`);
      if (state) c.set("rateLimit", state);
      try {
        check(caller);
      } catch (error) {
        const method = `${c.req.method} ${routePath(c)}`;
        const identity = { kind: "user", ...caller } as const;
        if (error instanceof AppError) refusals.note({ method, identity, reason: error.reason });
        throw error;
      }
      c.set("caller", caller);
    }
    const middleware: MiddlewareHandler<GatewayEnv> = (c, next) => {
      const name = classOf(c);
      return admit(deps.admission, c, name, async () => {
        await letIn(c, name);
        await next();
      });
    };
    return middleware;
  }

  return {
    authenticate: gate(classByMethod, () => undefined),
    requireScope(scopes, name) {
      const needed = typeof scopes === "string" ? [scopes] : scopes;
      const own = name ?? needed.map(classOfScope).find((each) => each !== undefined);
      return gate(own ? () => own : classByMethod, (caller) => requireScopes(caller, needed));
    },
    requireSession: (name) => gate(name ? () => name : classByMethod, requireSessionGrant),
  };
}

function classByMethod(c: GatewayContext): RouteClass {
  return isSafeMethod(c.req.method) ? "read" : "write";
}

function classOfScope(scope: Scope): RouteClass | undefined {
  return scope === "admin" || scope === "analyze" || scope === "search" ? scope : undefined;
}

/** Guesses count against the address they come from; returns what to throw. */
function countRefused({ limits }: GateDeps, c: GatewayContext, name: RouteClass, thrown: unknown): AppError {
  const error = toAppError(thrown);
  if (error.code !== Status.UNAUTHENTICATED) return error;
  try {
    takeByAddress(limits, name, c);
    return error;
  } catch (limited) {
    return toAppError(limited);
  }
}

async function identify(deps: GateDeps, c: GatewayContext): Promise<Caller> {
  const header = c.req.header("authorization");
  const apiKey = c.req.header("x-api-key");
  const cookie = readAccessCookie(c);
  if ([header, apiKey, cookie].filter((each) => each !== undefined).length > 1) {
    throw ambiguous("Use one of Authorization, X-API-Key and the session cookie.");
  }
  if (header !== undefined) return verify(deps, bearerToken(header));
  if (apiKey !== undefined) {
    if (apiKey.includes(",")) throw ambiguous("X-API-Key was sent more than once.");
    return verify(deps, await deps.apiKeys.tokenFor(apiKey, c.get("origin")));
  }
  if (cookie === undefined) throw unauthenticated("UNAUTHENTICATED", "An access token is required.");
  const caller = await verify(deps, cookie);
  if (!isSafeMethod(c.req.method)) requireCsrfToken(c, cookie);
  return caller;
}

function bearerToken(header: string): string {
  const token = bearerPattern.exec(header)?.[1];
  if (token) return token;
  // No token has a comma: this is more than one.
  if (/^Bearer .*,/i.test(header)) throw ambiguous("Authorization was sent more than once.");
  throw unauthenticated("INVALID_TOKEN", "The authorization must be a bearer token.");
}

async function verify({ verifier }: GateDeps, token: string): Promise<Caller> {
  const identity = await verifier.verify(token);
  if (identity.kind !== "user") throw permissionDenied("USERS_ONLY", "Only users may call the HTTP API.");
  const { userId, grant, scopes } = identity;
  return { userId, token, grant, scopes };
}

function requireScopes({ scopes }: Caller, needed: readonly Scope[]): void {
  const missing = needed.find((scope) => !scopes.has(scope));
  if (missing === undefined) return;
  throw permissionDenied("SCOPE_REQUIRED", `The access token does not hold the scope ${missing}.`);
}

function requireSessionGrant({ grant }: Caller): void {
  if (grant.kind === "session") return;
  throw permissionDenied("SESSION_REQUIRED", "This needs a login; API keys are refused.");
}

function ambiguous(message: string): AppError {
  return invalidArgument("AMBIGUOUS_CREDENTIALS", message);
}
