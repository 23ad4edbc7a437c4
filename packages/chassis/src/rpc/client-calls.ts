import { delay, isAbortError } from "abort-controller-x";
import { type CallOptions, ClientError, type ClientMiddlewareCall, Metadata, Status } from "nice-grpc-common";
import { AppError } from "../errors/app-error.ts";
import { currentScope } from "./call-scope.ts";
import { type CallBounds, formatTimeout, openBounds, timeoutHeader } from "./deadline.ts";
import { isCircuitOpen, isRepeatable, pushbackKey, type RetryOptions, retryDelayMs } from "./retry.ts";
import type { Upstream } from "./upstream.ts";

/** How long a call may take. */
export interface DeadlineOptions {
  /** For the whole call, all attempts included: milliseconds from now, or a moment. */
  deadline?: number | Date;
}

/** Settings of {@link boundedCalls}. */
export interface BoundedCallOptions<CallerOptions> {
  /** Absent where calls must be made however the service does: health checks. */
  readonly upstream: Upstream | undefined;
  /** Says who calls. */
  readonly addCaller: (metadata: Metadata, options: CallerOptions) => Promise<void>;
  /** From 0 up to 1. */
  readonly random: () => number;
}

// An attempt that was given less than this says more about the caller's hurry than about the service.
const tellingAttemptMs = 1_000;

type Options = CallOptions & DeadlineOptions & RetryOptions;

/**
 * Bounds every call: one deadline for all it takes, the caller's own where that is tighter; repeated only where that is
 * safe and helps; not made at all when the service is not there or has too much in hand.
 */
export function boundedCalls<CallerOptions extends object>(settings: BoundedCallOptions<CallerOptions>) {
  return async function* bounded<Request, Response>(
    call: ClientMiddlewareCall<Request, Response>,
    options: Options & CallerOptions,
  ) {
    const startedAt = performance.now();
    const bounds = openBounds({ deadline: options.deadline, signal: options.signal, scope: currentScope() });
    const one: OneCall<Request, Response> = { call, options, bounds, metadata: Metadata(options.metadata) };
    let code: Status = Status.OK;
    try {
      if (bounds.remainingMs() <= 0) throw tooLate(call.method.path);
      if (!options.waitForCircuit) settings.upstream?.breaker.refuseIfOpen();
      await within(bounds.signal, settings.addCaller(one.metadata, options));
      if (call.requestStream || call.responseStream) return yield* stream(settings.upstream, one);
      return await repeat(settings, one);
    } catch (thrown) {
      const error = bounds.expired && isAbortError(thrown) ? tooLate(call.method.path) : thrown;
      code = AppError.from(error).code;
      noteRejection(settings.upstream, call.method.path, error);
      throw error;
    } finally {
      bounds.close();
      const [service, method] = namesOf(call.method.path);
      const seconds = (performance.now() - startedAt) / 1000;
      settings.upstream?.metrics?.rpcClientSeconds.observe({ service, method, code: Status[code] }, seconds);
    }
  };
}

interface OneCall<Request, Response> {
  readonly call: ClientMiddlewareCall<Request, Response>;
  readonly options: Options;
  readonly bounds: CallBounds;
  readonly metadata: Metadata;
}

async function repeat<Request, Response>(
  { upstream, random }: Pick<BoundedCallOptions<never>, "upstream" | "random">,
  one: OneCall<Request, Response>,
): Promise<Response> {
  const { call, options, bounds } = one;
  // A unary request is one message.
  const repeatable = options.retry ?? isRepeatable(call.method, call.request);
  for (let attempt = 0; ; attempt += 1) {
    let pushback: string | undefined;
    try {
      const answer = await inPlace(upstream, one, (trailer) => {
        pushback = trailer.get(pushbackKey);
      });
      upstream?.retries.succeeded();
      return answer;
    } catch (error) {
      if (error instanceof ClientError && error.code === Status.UNAVAILABLE) upstream?.retries.failed();
      const delayMs = repeatable ? retryDelayMs({ error, attempt, pushback }, options, random) : undefined;
      // What would come after the deadline need not begin.
      if (delayMs === undefined || delayMs >= bounds.remainingMs()) throw error;
      if (!isCircuitOpen(error) && upstream?.retries.allows === false) throw error;
      await delay(bounds.signal, delayMs);
      upstream?.metrics?.rpcClientRetries.inc({ service: namesOf(call.method.path)[0] });
    }
  }
}

/** One attempt, when the service is there and has a place for it. */
async function inPlace<Request, Response>(
  upstream: Upstream | undefined,
  one: OneCall<Request, Response>,
  onTrailer: (trailer: Metadata) => void,
): Promise<Response> {
  if (!upstream) return attempt(one, onTrailer);
  const leave = await upstream.calls.enter(one.bounds.signal);
  try {
    return await upstream.breaker.run(() => attempt(one, onTrailer));
  } finally {
    leave();
  }
}

async function attempt<Request, Response>(
  one: OneCall<Request, Response>,
  onTrailer: (trailer: Metadata) => void,
): Promise<Response> {
  const { call, bounds } = one;
  const givenMs = bounds.remainingMs();
  try {
    const { value } = await call.next(call.request, toCallOptions(one, onTrailer)).next();
    // A unary call yields nothing and returns its answer.
    return value as Response;
  } catch (error) {
    if (!bounds.expired || !isAbortError(error)) throw error;
    // The breaker hears of a service that let its time pass.
    throw givenMs >= tellingAttemptMs ? tooLate(call.method.path) : error;
  }
}

/** A stream keeps a place of its own kind until its end; whether the service is there shows in its first message. */
async function* stream<Request, Response>(
  upstream: Upstream | undefined,
  one: OneCall<Request, Response>,
): AsyncGenerator<Response, Response | undefined, undefined> {
  const { signal } = one.bounds;
  const leave = await upstream?.streams.enter(signal);
  // A reader that gave up need not come back for the rest, and then nothing below runs any more.
  if (leave) signal.addEventListener("abort", leave, { once: true });
  // What a call returns beside its messages is of no use to whoever ends it early.
  const messages: AsyncGenerator<Response, unknown, undefined> = one.call.next(
    one.call.request,
    toCallOptions(one),
  );
  let told = upstream === undefined;
  const tell = (error?: unknown) => {
    // How long a stream takes is its client's affair as much as the service's.
    const late = error instanceof ClientError && error.code === Status.DEADLINE_EXCEEDED;
    if (!told && !late) upstream?.breaker.report(error);
    told = true;
  };
  try {
    for (;;) {
      const { done, value } = await messages.next();
      tell();
      // A stream of answers returns nothing, a stream of requests its one answer.
      if (done) return value as Response | undefined;
      yield value as Response;
    }
  } catch (error) {
    tell(error);
    throw error;
  } finally {
    if (leave) signal.removeEventListener("abort", leave);
    leave?.();
    await messages.return(undefined);
  }
}

function toCallOptions<Request, Response>(
  { options, bounds, metadata }: OneCall<Request, Response>,
  onTrailer?: (trailer: Metadata) => void,
): CallOptions {
  const remainingMs = bounds.remainingMs();
  if (Number.isFinite(remainingMs)) metadata.set(timeoutHeader, formatTimeout(remainingMs));
  return {
    metadata,
    signal: bounds.signal,
    ...(options.onHeader ? { onHeader: options.onHeader } : {}),
    onTrailer(trailer) {
      onTrailer?.(trailer);
      options.onTrailer?.(trailer);
    },
  };
}

async function within<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const left = Promise.withResolvers<never>();
  const leave = () => left.reject(new AbortedWait());
  signal.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([work, left.promise]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

/** What the gRPC library throws for calls that were given up. */
class AbortedWait extends Error {
  override readonly name = "AbortError";
}

const rejections: Readonly<Record<string, string>> = {
  CIRCUIT_OPEN: "breaker_open",
  UPSTREAM_BUSY: "bulkhead_full",
};

function noteRejection(upstream: Upstream | undefined, path: string, error: unknown): void {
  // Errors of ours that were made here; what the service said is an error of the gRPC library.
  const reason = error instanceof AppError ? rejections[error.reason] : undefined;
  if (reason) upstream?.metrics?.rpcClientRejected.inc({ service: namesOf(path)[0], reason });
}

function tooLate(path: string): ClientError {
  return new ClientError(path, Status.DEADLINE_EXCEEDED, "Deadline exceeded");
}

function namesOf(path: string): [string, string] {
  const [, service = "", method = ""] = path.split("/");
  return [service, method];
}
