import { isIPv6 } from "node:net";
import { overloaded } from "@ocelli/chassis";
import type { GatewayContext } from "./context.ts";

/** Kinds of routes that are limited apart from each other. */
export const routeClasses = ["auth", "read", "write", "upload", "analyze", "search", "admin"] as const;

/** See {@link routeClasses}. */
export type RouteClass = (typeof routeClasses)[number];

/** So many requests in any span of `windowMs`. */
export interface RateLimit {
  readonly limit: number;
  readonly windowMs: number;
}

/** One limit per class. */
export type RateLimitSettings = Readonly<Record<RouteClass, RateLimit | "off">>;

/** Where a request stands against its limit, for the `RateLimit` headers. */
export interface RateLimitState extends RateLimit {
  readonly name: RouteClass;
  readonly remaining: number;
  /** Seconds until the window ends. */
  readonly resetSeconds: number;
}

/** Counts requests by class and key. Each replica counts for itself: n replicas let through n times as many. */
export interface RateLimits {
  /**
   * Counts a request.
   * @throws AppError RESOURCE_EXHAUSTED/TOO_MANY_REQUESTS when it is one too many; it is not counted then.
   */
  take(name: RouteClass, key: string): RateLimitState | undefined;
  /** Like {@link RateLimits.take}, but counts nothing. */
  check(name: RouteClass, key: string): void;
}

interface Counter {
  /** Number of the window, counted from the epoch. */
  window: number;
  current: number;
  previous: number;
}

// Some ten megabytes at most. Whoever has more addresses than this is not held up by counting them.
const defaultMaxKeys = 100_000;

/**
 * Creates sliding-window counters: the window before counts by the part of it that the last `windowMs` still cover, so
 * that no two windows together let through twice the limit.
 */
export function createRateLimits(
  settings: RateLimitSettings,
  now: () => Date,
  maxKeys = defaultMaxKeys,
): RateLimits {
  // In the order of their last new window, so that the first are the ones to forget.
  const counters = new Map<string, Counter>();

  function counterOf(name: RouteClass, key: string, window: number): Counter {
    const id = `${name} ${key}`;
    const known = counters.get(id);
    if (known?.window === window) return known;
    const previous = known?.window === window - 1 ? known.current : 0;
    const counter = { window, current: 0, previous };
    counters.delete(id);
    if (counters.size >= maxKeys) forgetOldest(counters);
    counters.set(id, counter);
    return counter;
  }

  function measure(name: RouteClass, key: string) {
    const limit = settings[name];
    if (limit === "off") return undefined;
    const at = now().getTime();
    const window = Math.floor(at / limit.windowMs);
    const passed = at / limit.windowMs - window;
    const counter = counterOf(name, key, window);
    const used = counter.previous * (1 - passed) + counter.current;
    const leftMs = (1 - passed) * limit.windowMs;
    if (used + 1 > limit.limit) throw tooManyRequests(waitMs(limit, counter, passed));
    return { limit, counter, used, leftMs };
  }

  return {
    take(name, key) {
      const measured = measure(name, key);
      if (!measured) return undefined;
      const { limit, counter, used, leftMs } = measured;
      counter.current += 1;
      const remaining = Math.max(0, Math.floor(limit.limit - used - 1));
      return { ...limit, name, remaining, resetSeconds: Math.max(1, Math.ceil(leftMs / 1000)) };
    },
    check: (name, key) => void measure(name, key),
  };
}

/** Counts a request that names no user, by where it comes from. */
export function takeByAddress(limits: RateLimits, name: RouteClass, c: GatewayContext): void {
  const state = limits.take(name, addressKey(c.get("origin").address));
  if (state) c.set("rateLimit", state);
}

/**
 * What requests of one client have in common. An IPv6 client usually has a whole /64 to itself and could take a new
 * address for each request.
 */
export function addressKey(address: string): string {
  if (!isIPv6(address)) return `address:${address}`;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  const rest = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros =
    tail === undefined ? [] : Array<string>(Math.max(0, 8 - groups.length - rest.length)).fill("0");
  return `address:${[...groups, ...zeros, ...rest].slice(0, 4).join(":")}::/64`;
}

/** The time after which one more request fits, if no other comes. */
function waitMs({ limit, windowMs }: RateLimit, { current, previous }: Counter, passed: number): number {
  const room = limit - 1;
  if (current <= room && previous > 0) return (1 - (room - current) / previous - passed) * windowMs;
  // This window alone is full: one fits once enough of it has slid out of the next one's view.
  return (1 - passed + (1 - room / current)) * windowMs;
}

function forgetOldest(counters: Map<string, Counter>): void {
  for (const id of counters.keys()) {
    counters.delete(id);
    return;
  }
}

function tooManyRequests(retryAfterMs: number) {
  return overloaded("TOO_MANY_REQUESTS", "Too many requests; try again later.", Math.ceil(retryAfterMs));
}

/** `RateLimit` and `RateLimit-Policy` as the IETF draft "RateLimit header fields for HTTP" has them. */
export function rateLimitHeaders(state: RateLimitState): Record<string, string> {
  return {
    "ratelimit-policy": `"${state.name}";q=${state.limit};w=${Math.ceil(state.windowMs / 1000)}`,
    ratelimit: `"${state.name}";r=${state.remaining};t=${state.resetSeconds}`,
  };
}
