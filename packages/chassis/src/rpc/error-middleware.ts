import { type CallContext, type ServerMiddlewareCall, Status } from "nice-grpc-common";
import { BadRequest, ErrorInfo, RetryInfo, RichServerError } from "nice-grpc-error-details";
import type { Logger } from "pino";
import { AppError, errorDomain } from "../errors/app-error.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** Turns whatever a handler throws into a gRPC status with `google.rpc` details, logs what is our fault, measures all. */
export function errorMiddleware(options: { log: Logger; metrics: Metrics }) {
  return async function* handleErrors<Request, Response>(
    call: ServerMiddlewareCall<Request, Response>,
    context: CallContext,
  ) {
    const startedAt = performance.now();
    let code: Status = Status.OK;
    try {
      return yield* call.next(call.request, context);
    } catch (error) {
      const appError = AppError.from(error);
      code = appError.code;
      if (isOurFault(code)) options.log.error({ err: error, rpc: call.method.path }, "call failed");
      if (code === Status.RESOURCE_EXHAUSTED) options.metrics.refused.inc({ reason: appError.reason });
      throw toServerError(appError);
    } finally {
      const seconds = (performance.now() - startedAt) / 1000;
      options.metrics.rpcSeconds.observe(
        { method: call.method.path, code: Status[code] ?? "UNKNOWN" },
        seconds,
      );
    }
  };
}

function isOurFault(code: Status): boolean {
  return code === Status.INTERNAL || code === Status.UNKNOWN || code === Status.DATA_LOSS;
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
