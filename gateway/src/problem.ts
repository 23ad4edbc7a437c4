import { STATUS_CODES } from "node:http";
import { z } from "@hono/zod-openapi";
import { AppError, type FieldViolation } from "@ocelli/chassis";
import { HTTPException } from "hono/http-exception";
import { Status } from "nice-grpc";

/** An RFC 9457 problem as sent to clients. */
export const problemSchema = z
  .object({
    type: z
      .string()
      .openapi({ description: "Always `about:blank`: the title is the meaning of the status." }),
    title: z.string(),
    status: z.int(),
    detail: z.string().openapi({ description: "One sentence fit for people." }),
    reason: z
      .string()
      .openapi({ description: "Stable UPPER_SNAKE reason; switch on this.", example: "PHOTO_NOT_FOUND" }),
    traceId: z.string().openapi({ description: "Quote this when asking for help." }),
    errors: z
      .array(z.object({ field: z.string(), description: z.string() }))
      .openapi({ description: "Fields at fault; empty when the problem is not about fields." }),
  })
  .openapi("Problem");

/** See {@link problemSchema}. */
export type Problem = z.infer<typeof problemSchema>;

/** Media type of problems. */
export const problemMediaType = "application/problem+json";

// The one place where gRPC codes become HTTP statuses. CANCELLED is 499: the client has left and will not see it.
const statusByCode: Readonly<Record<number, number>> = {
  [Status.CANCELLED]: 499,
  [Status.UNKNOWN]: 500,
  [Status.INVALID_ARGUMENT]: 400,
  [Status.DEADLINE_EXCEEDED]: 504,
  [Status.NOT_FOUND]: 404,
  [Status.ALREADY_EXISTS]: 409,
  [Status.PERMISSION_DENIED]: 403,
  [Status.RESOURCE_EXHAUSTED]: 429,
  [Status.FAILED_PRECONDITION]: 409,
  [Status.ABORTED]: 409,
  [Status.OUT_OF_RANGE]: 400,
  [Status.UNIMPLEMENTED]: 501,
  [Status.INTERNAL]: 500,
  [Status.UNAVAILABLE]: 503,
  [Status.DATA_LOSS]: 500,
  [Status.UNAUTHENTICATED]: 401,
};

// Reasons for which HTTP has a better word than the code's.
const statusByReason: Readonly<Record<string, number>> = {
  UNSUPPORTED_MEDIA_TYPE: 415,
  EXPECTED_JSON: 415,
  EXPECTED_MULTIPART: 415,
  FILE_TOO_LARGE: 413,
  BODY_TOO_LARGE: 413,
  CORRUPT_IMAGE: 422,
  TOO_MANY_PIXELS: 422,
  STORAGE_FULL: 507,
  QUOTA_EXCEEDED: 413,
  METHOD_NOT_ALLOWED: 405,
  UPGRADE_REQUIRED: 426,
  // The installation lacks a model; no request of the client can mend that.
  MODEL_FILE_MISSING: 503,
  MODEL_FILE_CORRUPT: 503,
  MODEL_LOAD_FAILED: 503,
  UPLOAD_TIMEOUT: 408,
  RANGE_NOT_SATISFIABLE: 416,
  UPLOAD_BUSY: 423,
  UPLOAD_TOO_LONG: 413,
  TUS_VERSION_REQUIRED: 412,
};

const defaultRetryAfterMs = 1000;

// RFC 6750 section 3.1.
const bearerErrors: Readonly<Record<string, string>> = {
  INVALID_TOKEN: "invalid_token",
  TOKEN_EXPIRED: "invalid_token",
  TOKEN_REVOKED: "invalid_token",
  SCOPE_REQUIRED: "insufficient_scope",
};

/** The HTTP status that says the same as an error of the mesh. */
export function toHttpStatus(error: AppError): number {
  return statusByReason[error.reason] ?? statusByCode[error.code] ?? 500;
}

/** Describes an error to the client; what went wrong inside stays inside. */
export function toProblem(error: AppError, traceId: string): Problem {
  const status = toHttpStatus(error);
  return {
    type: "about:blank",
    title: STATUS_CODES[status] ?? "Error",
    status,
    detail: status === 500 ? "Something went wrong on our side." : error.message,
    reason: status === 500 ? "INTERNAL" : error.reason,
    traceId,
    errors: error.violations.map(({ field, description }) => ({ field: toCamelCase(field), description })),
  };
}

/** Headers that go with a problem: media type, when to come back, how to authenticate. */
export function problemHeaders(error: AppError): Record<string, string> {
  const status = toHttpStatus(error);
  const headers: Record<string, string> = { "content-type": problemMediaType, "cache-control": "no-store" };
  if (status === 429 || status === 503) {
    headers["retry-after"] = String(
      Math.max(1, Math.ceil((error.retryAfterMs ?? defaultRetryAfterMs) / 1000)),
    );
  }
  const detail = bearerErrors[error.reason];
  if (status === 401 || detail) {
    headers["www-authenticate"] = `Bearer realm="ocelli"${detail ? `, error="${detail}"` : ""}`;
  }
  return headers;
}

/** Turns whatever a handler threw into an error of the mesh, the web framework's own exceptions included. */
export function toAppError(error: unknown): AppError {
  if (!(error instanceof HTTPException)) return AppError.from(error);
  if (error.status === 415) return clientError("EXPECTED_JSON", "The body must be application/json.");
  if (error.status < 500) return clientError("MALFORMED_JSON", "The body is not valid JSON.");
  return AppError.from(error.cause);
}

/** One INVALID_ARGUMENT for everything that a schema found wrong. */
export function validationError(error: z.ZodError): AppError {
  const violations: FieldViolation[] = error.issues.slice(0, 20).map((issue) => ({
    field: issue.code === "unrecognized_keys" ? issue.keys.slice(0, 5).join(", ") : issue.path.join("."),
    description: issue.code === "unrecognized_keys" ? "is not known here" : issue.message,
  }));
  return clientError("INVALID_ARGUMENT", "The request is not valid.", violations);
}

function clientError(reason: string, message: string, violations: FieldViolation[] = []): AppError {
  return new AppError({ code: Status.INVALID_ARGUMENT, reason, message, violations });
}

// Services name fields as in their proto; HTTP clients know them in camelCase.
function toCamelCase(field: string): string {
  return field.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
