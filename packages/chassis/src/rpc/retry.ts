import { ClientError, type MethodDescriptor, Status } from "nice-grpc-common";
import { AppError } from "../errors/app-error.ts";

/** How a call is repeated when its upstream is not there. */
export interface RetryOptions {
  /** Whether it is; absent, calls without side effects and those that carry a request id are. */
  retry?: boolean;
  /** Most attempts after the first. Default 3. */
  retryMaxAttempts?: number;
  /** Longest pause before the second attempt; doubles with each one. Default 500 ms. */
  retryBaseDelayMs?: number;
  /**
   * Waits, too, while the service is not asked because it did not answer (CIRCUIT_OPEN): for work in the background, which
   * has nobody to tell.
   */
  waitForCircuit?: boolean;
}

/** Metadata key with which a server says when to repeat a call: milliseconds, or a negative number for never. */
export const pushbackKey = "grpc-retry-pushback-ms";

const defaultMaxAttempts = 3;
const defaultBaseDelayMs = 500;
const maxDelayMs = 5_000;

/**
 * Keeps repeated calls a small part of all calls, as gRPC's retry throttling does: when an upstream fails for many, it is
 * not sent a multiple of what it could not answer.
 */
export interface RetryBudget {
  /** Whether a call may be repeated now. */
  readonly allows: boolean;
  succeeded(): void;
  failed(): void;
}

/** Creates a full budget: a failure costs one token, a success gives `ratio` back, repeats stop at half of `tokens`. */
export function createRetryBudget(tokens = 10, ratio = 0.1): RetryBudget {
  let left = tokens;
  return {
    get allows() {
      return left > tokens / 2;
    },
    succeeded() {
      left = Math.min(tokens, left + ratio);
    },
    failed() {
      left = Math.max(0, left - 1);
    },
  };
}

/** Whether a method may be called twice for one request: it changes nothing, or its request id makes it happen once. */
export function isRepeatable(method: MethodDescriptor, request: unknown): boolean {
  const { idempotencyLevel } = method.options;
  if (idempotencyLevel === "IDEMPOTENT" || idempotencyLevel === "NO_SIDE_EFFECTS") return true;
  if (typeof request !== "object" || request === null || !("requestId" in request)) return false;
  return typeof request.requestId === "string" && request.requestId !== "";
}

/** An attempt that failed. */
export interface FailedAttempt {
  readonly error: unknown;
  /** Number of attempts before this one. */
  readonly attempt: number;
  /** {@link pushbackKey} of the answer. */
  readonly pushback: string | undefined;
}

/**
 * Milliseconds to wait before the next attempt: at random up to a bound that doubles, but not less than the upstream
 * asks for. Undefined when there must be no other attempt.
 */
export function retryDelayMs(
  { error, attempt, pushback }: FailedAttempt,
  options: RetryOptions,
  random: () => number,
): number | undefined {
  if (attempt >= (options.retryMaxAttempts ?? defaultMaxAttempts)) return undefined;
  if (options.waitForCircuit && isCircuitOpen(error)) return error.retryAfterMs;
  // What fails here and now, such as a service without a place, was not even asked.
  if (!(error instanceof ClientError) || error.code !== Status.UNAVAILABLE) return undefined;
  const asked = pushback === undefined ? (AppError.from(error).retryAfterMs ?? 0) : Number(pushback);
  if (Number.isNaN(asked) || asked < 0) return undefined;
  const bound = Math.min(maxDelayMs, 2 ** attempt * (options.retryBaseDelayMs ?? defaultBaseDelayMs));
  return Math.max(asked, random() * bound);
}

/** Whether a call was not made, because its service does not answer at the moment. */
export function isCircuitOpen(error: unknown): error is AppError {
  return error instanceof AppError && error.reason === "CIRCUIT_OPEN";
}
