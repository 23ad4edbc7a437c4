import { ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";
import type { Metadata } from "nice-grpc-common";
import { Status } from "nice-grpc-common";
import { AppError } from "../errors/app-error.ts";

/** Header in which gRPC tells a server how long its client waits. */
export const timeoutHeader = "grpc-timeout";

// The library takes `grpc-timeout` out before handlers see it; what is left of it reaches them under this key, which
// nobody else can set.
const remainingKey = "x-ocelli-remaining-ms";

// The format allows eight digits.
const maxTimeoutMs = 99_999_999;

/** A span of time as gRPC writes it, rounded up. */
export function formatTimeout(ms: number): string {
  return `${Math.min(maxTimeoutMs, Math.max(0, Math.ceil(ms)))}m`;
}

/** Puts the time that the client of a call still waits among its metadata. */
export const deadlineInterceptor: ServerInterceptor = (_method, call) =>
  new ServerInterceptingCall(call, {
    start: (next) =>
      next({
        onReceiveMetadata(metadata, pass) {
          const deadline = call.getDeadline();
          metadata.remove(remainingKey);
          if (deadline !== Number.POSITIVE_INFINITY) {
            metadata.set(remainingKey, String(Number(deadline) - Date.now()));
          }
          pass(metadata);
        },
      }),
  });

/** Milliseconds that the client of a call still waits; Infinity when it set no deadline. */
export function remainingMsOf(metadata: Metadata): number {
  const value = metadata.get(remainingKey);
  return value === undefined ? Number.POSITIVE_INFINITY : Number(value);
}

/** DEADLINE_EXCEEDED. */
export function deadlineExceeded(cause?: unknown): AppError {
  return new AppError({
    code: Status.DEADLINE_EXCEEDED,
    reason: "DEADLINE_EXCEEDED",
    message: "The call took too long.",
    cause,
  });
}

/** How long a call may take, and whether somebody still waits for it. */
export interface CallBounds {
  /** Aborted when the time is up or the caller has left. */
  readonly signal: AbortSignal;
  /** True when the time was up first. */
  readonly expired: boolean;
  remainingMs(): number;
  /** Lets go of timer and listeners. */
  close(): void;
}

/** What {@link openBounds} bounds a call by; the tightest holds. */
export interface BoundSources {
  /** Milliseconds from now, or a moment. */
  readonly deadline: number | Date | undefined;
  /** Aborted when the caller has left. */
  readonly signal: AbortSignal | undefined;
  /** The call on whose behalf this one is made. */
  readonly scope: { readonly deadlineAt: number; readonly signal: AbortSignal } | undefined;
}

/** One budget for a whole call, whatever it takes: waiting for its turn, all attempts and the pauses between them. */
export function openBounds({ deadline, signal, scope }: BoundSources): CallBounds {
  const startedAt = performance.now();
  const own = deadline instanceof Date ? deadline.getTime() - Date.now() : deadline;
  const endsAt = Math.min(
    startedAt + (own ?? Number.POSITIVE_INFINITY),
    scope?.deadlineAt ?? Number.POSITIVE_INFINITY,
  );
  const controller = new AbortController();
  let expired = endsAt <= startedAt;
  const expire = () => {
    expired = !controller.signal.aborted;
    controller.abort();
  };
  const leave = () => controller.abort();
  const parents = [signal, scope?.signal].filter((each) => each !== undefined);
  for (const parent of parents) {
    if (parent.aborted) leave();
    else parent.addEventListener("abort", leave);
  }
  const timer = Number.isFinite(endsAt) ? setTimeout(expire, Math.max(0, endsAt - startedAt)) : undefined;
  return {
    signal: controller.signal,
    get expired() {
      return expired;
    },
    remainingMs: () => endsAt - performance.now(),
    close() {
      clearTimeout(timer);
      for (const parent of parents) parent.removeEventListener("abort", leave);
    },
  };
}
