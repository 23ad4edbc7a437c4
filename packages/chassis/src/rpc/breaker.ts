import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
  type IBreaker,
  SamplingBreaker,
} from "cockatiel";
import { Status } from "nice-grpc-common";
import { AppError } from "../errors/app-error.ts";

/** When calls to an upstream are not made any more. */
export interface BreakerLimits {
  /** Failures in a row that open the circuit. */
  readonly breakerFailures: number;
  /** How long it stays open before one call tries again; doubles while that fails, up to eight times as long. */
  readonly breakerOpenMs: number;
}

/** How a breaker stands. */
export type BreakerState = "closed" | "half-open" | "open";

/** Settings of {@link createBreaker}. */
export interface BreakerOptions extends BreakerLimits {
  /** Name of the upstream. */
  readonly name: string;
  /** Whether an error says that the upstream is not there; whatever else it answers, it is. */
  readonly isFailure: (error: unknown) => boolean;
  /** Whether an error says nothing of the upstream at all, such as a caller that left. */
  readonly isSilent: (error: unknown) => boolean;
  readonly onState?: (state: BreakerState) => void;
}

/** Makes calls to an upstream that does not answer fail at once instead of waiting for it. */
export interface Breaker {
  readonly state: BreakerState;
  /** @throws AppError UNAVAILABLE/CIRCUIT_OPEN with the time until the next try. */
  refuseIfOpen(): void;
  /** Makes an attempt, whose outcome counts. @throws AppError UNAVAILABLE/CIRCUIT_OPEN, or what the attempt throws. */
  run<T>(attempt: () => Promise<T>): Promise<T>;
  /** Counts the outcome of an attempt that was made elsewhere: of a stream, which may last. */
  report(error?: unknown): void;
}

// More than half of at least twenty calls within ten seconds, whether or not some go well in between.
const sampling = { threshold: 0.5, duration: 10_000, minimumRps: 2 };
const maxOpenFactor = 8;
// What whoever comes while one call tries is told to wait.
const probeRetryMs = 500;
// What a call that tries may take before the circuit opens again; the call itself may take longer: some last minutes.
const probeVerdictMs = 2_000;

/** A call that tries has not been answered in time to tell that the upstream is there. */
class ProbeLate extends Error {}

const stateNames = {
  [CircuitState.Closed]: "closed",
  [CircuitState.HalfOpen]: "half-open",
  [CircuitState.Open]: "open",
  [CircuitState.Isolated]: "open",
} as const;

/** Creates a breaker that is closed. */
export function createBreaker(options: BreakerOptions): Breaker {
  let reopensAt = 0;
  const halfOpenAfter = openTimes(options.breakerOpenMs, (duration) => {
    reopensAt = Date.now() + duration;
  });
  const breaker = eitherOf(new ConsecutiveBreaker(options.breakerFailures), new SamplingBreaker(sampling));
  const policy: CircuitBreakerPolicy = circuitBreaker(
    // A call that tries and is given up proves nothing: the circuit stays open.
    handleWhen(
      (error) =>
        error instanceof ProbeLate ||
        options.isFailure(error) ||
        (policy.state === CircuitState.HalfOpen && options.isSilent(error)),
    ),
    { halfOpenAfter, breaker },
  );
  policy.onStateChange((state) => options.onState?.(stateNames[state]));

  function circuitOpen(cause?: unknown): AppError {
    const waitMs = policy.state === CircuitState.HalfOpen ? probeRetryMs : reopensAt - Date.now();
    return new AppError({
      code: Status.UNAVAILABLE,
      reason: "CIRCUIT_OPEN",
      message: `The ${options.name} service does not answer at the moment; it is not asked again for a while.`,
      retryAfterMs: Math.max(1, waitMs),
      cause,
    });
  }

  function refuseIfOpen(): void {
    const { state } = policy;
    if (state === CircuitState.Closed) return;
    // While one call tries, others do not wait for its outcome: it may take as long as its deadline.
    if (state === CircuitState.HalfOpen || Date.now() < reopensAt) throw circuitOpen();
  }

  /** After an answer to a call that tried, but too late for the verdict. */
  function close(): void {
    if (policy.state === CircuitState.Closed) return;
    policy.isolate().dispose();
    breaker.success(CircuitState.HalfOpen);
  }

  async function run<T>(attempt: () => Promise<T>): Promise<T> {
    refuseIfOpen();
    const tries = policy.state !== CircuitState.Closed;
    const made: { outcome?: Promise<T> } = {};
    try {
      await policy.execute(() => {
        made.outcome = attempt();
        const verdict = verdictOf(made.outcome, options);
        return tries ? inTime(verdict, close) : verdict;
      });
    } catch (error) {
      if (!made.outcome) throw error instanceof BrokenCircuitError ? circuitOpen(error) : error;
    }
    // The caller gets what the attempt gives, whatever the circuit made of it; it is there: the policy ran the attempt.
    return made.outcome as Promise<T>;
  }

  return {
    get state() {
      return stateNames[policy.state];
    },
    refuseIfOpen,
    run,
    report(error) {
      if (error !== undefined && options.isSilent(error)) return;
      if (policy.state === CircuitState.HalfOpen) return;
      void run(async () => {
        if (error !== undefined) throw error;
      }).catch(() => undefined);
    },
  };
}

/** Rejects where an outcome speaks against the upstream, or says nothing of it; whatever else it says, it is there. */
async function verdictOf(
  outcome: Promise<unknown>,
  { isFailure, isSilent }: Pick<BreakerOptions, "isFailure" | "isSilent">,
): Promise<void> {
  try {
    await outcome;
  } catch (error) {
    if (isFailure(error) || isSilent(error)) throw error;
  }
}

/** The verdict of a call that tries. @throws ProbeLate where there is none yet; tells of one in favour that comes later. */
async function inTime(verdict: Promise<void>, onLateAnswer: () => void): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(new ProbeLate());
    verdict.then(onLateAnswer).catch(() => undefined);
  }, probeVerdictMs);
  try {
    await Promise.race([verdict, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Opens as soon as one of two says so. */
function eitherOf(first: ConsecutiveBreaker, second: SamplingBreaker): IBreaker {
  return {
    state: undefined,
    success(state) {
      first.success();
      second.success(state);
    },
    failure(state) {
      const [one, other] = [first.failure(), second.failure(state)];
      return one || other;
    },
  };
}

interface OpenTime {
  readonly duration: number;
  next(): OpenTime;
}

function openTimes(openMs: number, onOpen: (duration: number) => void): { next(): OpenTime } {
  const after = (duration: number): OpenTime => {
    onOpen(duration);
    return { duration, next: () => after(Math.min(duration * 2, openMs * maxOpenFactor)) };
  };
  return { next: () => after(openMs) };
}
