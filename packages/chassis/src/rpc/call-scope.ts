import { AsyncLocalStorage } from "node:async_hooks";
import type { CallContext, ServerMiddlewareCall } from "nice-grpc-common";
import { deadlineExceeded, remainingMsOf } from "./deadline.ts";

/** What bounds everything that is done for one call: how long somebody waits for it, and whether somebody still does. */
export interface CallScope {
  /** Moment on the clock of `performance.now()` after which nobody waits any more; Infinity for no deadline. */
  readonly deadlineAt: number;
  /** Aborted when the caller leaves, or its deadline passes. */
  readonly signal: AbortSignal;
}

interface LiveScope extends CallScope {
  /** Work that a handler left behind belongs to nobody's call any more. */
  ended: boolean;
}

// Follows the call through everything that it awaits, as the trace does: a bound that every layer had to hand on would
// be forgotten by one of them.
const scopes = new AsyncLocalStorage<LiveScope | undefined>();

/** The call that the running code works for; undefined in background work and once the call has been answered. */
export function currentScope(): CallScope | undefined {
  const scope = scopes.getStore();
  return scope?.ended ? undefined : scope;
}

/** Milliseconds until nobody waits for the current call any more; Infinity without a call or without a deadline. */
export function remainingMs(): number {
  const scope = currentScope();
  return scope === undefined ? Number.POSITIVE_INFINITY : scope.deadlineAt - performance.now();
}

/**
 * Runs work that several callers share, or that goes on after the call which began it: neither the deadline nor the
 * leaving of that one caller ends it.
 */
export function detached<T>(work: () => T): T {
  return scopes.run(undefined, work);
}

/** Runs work within the bounds of a call. */
export async function inScope<T>(scope: CallScope, work: () => Promise<T>): Promise<T> {
  const live: LiveScope = { ...scope, ended: false };
  try {
    return await scopes.run(live, work);
  } finally {
    live.ended = true;
  }
}

/**
 * Gives every call of a server its scope, from the `grpc-timeout` it came with. A call whose deadline has passed while it
 * waited to be handled is dropped before any work.
 */
export function scopeMiddleware<Request, Response, Context extends CallContext>(
  call: ServerMiddlewareCall<Request, Response>,
  context: Context,
) {
  const scope: LiveScope = {
    deadlineAt: performance.now() + remainingMsOf(context.metadata),
    signal: context.signal,
    ended: false,
  };
  async function* handle() {
    try {
      if (scope.deadlineAt <= performance.now()) throw deadlineExceeded();
      return yield* call.next(call.request, context);
    } finally {
      scope.ended = true;
    }
  }
  return bind(scope, handle());
}

/** Every step of a generator runs where its consumer asks for it: each one is led into the scope. */
function bind<T, R>(
  scope: LiveScope,
  steps: AsyncGenerator<T, R, undefined>,
): AsyncGenerator<T, R, undefined> {
  const bound: AsyncGenerator<T, R, undefined> = {
    next: () => scopes.run(scope, () => steps.next()),
    return: (value) => scopes.run(scope, () => steps.return(value)),
    throw: (error) => scopes.run(scope, () => steps.throw(error)),
    [Symbol.asyncIterator]: () => bound,
    [Symbol.asyncDispose]: () => steps[Symbol.asyncDispose](),
  };
  return bound;
}
