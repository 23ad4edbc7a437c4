import { type CallContext, ClientError, type ServerMiddlewareCall, Status } from "nice-grpc-common";
import { BadRequest, ErrorInfo, RetryInfo, RichServerError } from "nice-grpc-error-details";
import type { Logger } from "pino";
import { AppError, errorDomain } from "../errors/app-error.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { pushbackKey } from "./retry.ts";

/** Turns whatever a handler throws into a gRPC status with `google.rpc` details, logs what is our fault, measures all. */
export function errorMiddleware(options: { log: Logger; metrics: Metrics }) {
  const { rpcServerSeconds, rpcServerInFlight } = options.metrics;
  const tellOutage = onceASecond((error: unknown, rpc: string) =>
    options.log.warn({ err: error, rpc }, "the store is not available"),
  );
  return async function* handleErrors<Request, Response>(
    call: ServerMiddlewareCall<Request, Response>,
    context: CallContext,
  ) {
    const startedAt = performance.now();
    const [, service = "", method = ""] = call.method.path.split("/");
    rpcServerInFlight.inc({ service });
    let code: Status = Status.OK;
    try {
      return yield* call.next(call.request, context);
    } catch (error) {
      const appError = AppError.from(error);
      code = appError.code;
      if (isOurFault(code)) options.log.error({ err: error, rpc: call.method.path }, "call failed");
      if (appError.reason === "STORE_UNAVAILABLE") tellOutage(error, call.method.path);
      if (code === Status.RESOURCE_EXHAUSTED) options.metrics.refused.inc({ reason: labelOf(appError) });
      if (isFromBehind(error)) context.trailer.set(pushbackKey, "-1");
      throw toServerError(appError);
    } finally {
      const seconds = (performance.now() - startedAt) / 1000;
      rpcServerSeconds.observe({ service, method, code: Status[code] ?? "UNKNOWN" }, seconds);
      rpcServerInFlight.dec({ service });
    }
  };
}

/** A full disk fails every write: one line a second says as much as a thousand. */
function onceASecond<Args extends unknown[]>(tell: (...args: Args) => void): (...args: Args) => void {
  let quietUntil = 0;
  return (...args) => {
    if (performance.now() < quietUntil) return;
    quietUntil = performance.now() + 1_000;
    tell(...args);
  };
}

/** Reasons of our own are few; what came from elsewhere in their place must not make a series each. */
function labelOf({ reason }: AppError): string {
  return /^[A-Z][A-Z0-9_]{0,62}$/.test(reason) ? reason : "OTHER";
}

function isOurFault(code: Status): boolean {
  return code === Status.INTERNAL || code === Status.UNKNOWN || code === Status.DATA_LOSS;
}

/**
 * Whether it was another service that failed. This one has repeated its call already where that may help: its caller is
 * told not to do so as well, or each layer would multiply what comes to the last.
 */
function isFromBehind(error: unknown): boolean {
  if (error instanceof ClientError) return true;
  if (!(error instanceof AppError)) return false;
  return (
    error.cause instanceof ClientError || error.reason === "CIRCUIT_OPEN" || error.reason === "UPSTREAM_BUSY"
  );
}

function toServerError(error: AppError): RichServerError {
  return new RichServerError(error.code, error.message, [
    ErrorInfo.fromPartial({ reason: error.reason, domain: errorDomain }),
    ...(error.violations.length > 0 ? [BadRequest.fromPartial({ fieldViolations: error.violations })] : []),
    ...(error.retryAfterMs === undefined
      ? []
      : [RetryInfo.fromPartial({ retryDelay: toProtoDuration(error.retryAfterMs) })]),
  ]);
}

function toProtoDuration(ms: number): { seconds: number; nanos: number } {
  return { seconds: Math.floor(ms / 1000), nanos: Math.round((ms % 1000) * 1e6) };
}
