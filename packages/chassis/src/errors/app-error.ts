import { ClientError, ServerError, Status } from "nice-grpc-common";
import { BadRequest, ErrorInfo, RetryInfo, RichClientError } from "nice-grpc-error-details";

/** One thing wrong with one field of a request. */
export interface FieldViolation {
  /** Path of the field, e.g. `email`. */
  field: string;
  /** What is wrong, in one sentence. */
  description: string;
}

/** What an {@link AppError} is made of. */
export interface AppErrorOptions {
  /** gRPC status code. */
  code: Status;
  /** Stable UPPER_SNAKE reason that clients may switch on. */
  reason: string;
  /** One sentence fit for the caller's eyes. */
  message: string;
  /** Fields at fault, for INVALID_ARGUMENT. */
  violations?: FieldViolation[];
  /** When to try again, for RESOURCE_EXHAUSTED and UNAVAILABLE. */
  retryAfterMs?: number;
  /** What led to it; logged, never sent. */
  cause?: unknown;
}

/** The domain part of `google.rpc.ErrorInfo` for every error of the mesh. */
export const errorDomain = "ocelli";

/** The only error that crosses a service boundary. */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly code: Status;
  readonly reason: string;
  readonly violations: FieldViolation[];
  readonly retryAfterMs: number | undefined;

  constructor(options: AppErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.reason = options.reason;
    this.violations = options.violations ?? [];
    this.retryAfterMs = options.retryAfterMs;
  }

  /**
   * The only converter from unknown errors. An error of the mesh keeps its code and reason; errors that describe
   * themselves with `code` (gRPC status name), `reason` and `message` are adopted, without the message where the fault
   * is ours; everything else becomes INTERNAL without its message, which may hold secrets.
   */
  static from(error: unknown): AppError {
    if (error instanceof AppError) return error;
    if (error instanceof RichClientError) return fromRichClientError(error);
    if (error instanceof ClientError) return fromClientError(error);
    if (error instanceof ServerError) {
      return new AppError({
        code: error.code,
        reason: statusReason(error.code),
        message: error.details,
        cause: error,
      });
    }
    if (isAbort(error)) {
      return new AppError({
        code: Status.CANCELLED,
        reason: "CANCELLED",
        message: "The call was cancelled.",
        cause: error,
      });
    }
    if (isTimeout(error)) {
      return new AppError({
        code: Status.DEADLINE_EXCEEDED,
        reason: "DEADLINE_EXCEEDED",
        message: "The call took too long.",
        cause: error,
      });
    }
    return fromSelfDescribing(error) ?? internal(error);
  }

  /** True when the same call may succeed later without change. */
  get retryable(): boolean {
    return retryableCodes.has(this.code);
  }
}

const retryableCodes: ReadonlySet<Status> = new Set([
  Status.UNAVAILABLE,
  Status.RESOURCE_EXHAUSTED,
  Status.ABORTED,
  Status.DEADLINE_EXCEEDED,
  Status.INTERNAL,
  Status.UNKNOWN,
  Status.CANCELLED,
]);

const statusByName: ReadonlyMap<string, Status> = new Map(
  Object.entries(Status).flatMap(([name, value]) => (typeof value === "number" ? [[name, value]] : [])),
);

const ourFault = "Something went wrong on our side.";
// What such errors say is for operators: it names files of the server, or quotes a library.
const ourFaults: ReadonlySet<Status> = new Set([
  Status.INTERNAL,
  Status.UNKNOWN,
  Status.DATA_LOSS,
  Status.FAILED_PRECONDITION,
]);

function internal(cause: unknown): AppError {
  return new AppError({
    code: Status.INTERNAL,
    reason: "INTERNAL",
    message: ourFault,
    cause,
  });
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

/** What `AbortSignal.timeout()` aborts with. */
function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}

function fromRichClientError(error: RichClientError): AppError {
  let reason = statusReason(error.code);
  const violations: FieldViolation[] = [];
  let retryAfterMs: number | undefined;
  for (const detail of error.extra) {
    if (detail.$type === ErrorInfo.$type && "reason" in detail) reason = String(detail.reason);
    if (detail.$type === BadRequest.$type && "fieldViolations" in detail)
      violations.push(...detail.fieldViolations);
    if (detail.$type === RetryInfo.$type && "retryDelay" in detail && detail.retryDelay) {
      retryAfterMs = Number(detail.retryDelay.seconds) * 1000 + detail.retryDelay.nanos / 1e6;
    }
  }
  return new AppError({
    code: error.code,
    reason,
    message: error.details,
    violations,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    cause: error,
  });
}

function fromClientError(error: ClientError): AppError {
  // A bare status comes from the transport, whose text may name addresses: only its kind is passed on.
  return new AppError({
    code: error.code,
    reason: statusReason(error.code),
    message:
      error.code === Status.UNAVAILABLE
        ? "A service is not reachable right now."
        : "The call to a service failed.",
    cause: error,
  });
}

function fromSelfDescribing(error: unknown): AppError | undefined {
  if (!(error instanceof Error) || !("reason" in error) || !("code" in error)) return undefined;
  const { reason } = error;
  const code = typeof error.code === "string" ? statusByName.get(error.code) : undefined;
  if (code === undefined || typeof reason !== "string") return undefined;
  const retryAfterMs =
    "retryAfterMs" in error && typeof error.retryAfterMs === "number" ? error.retryAfterMs : undefined;
  return new AppError({
    code,
    reason,
    message: ourFaults.has(code) ? ourFault : error.message,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    cause: error,
  });
}

function statusReason(code: Status): string {
  return Status[code] ?? "UNKNOWN";
}
