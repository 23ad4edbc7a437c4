import { Status } from "nice-grpc-common";
import { AppError, type FieldViolation } from "./app-error.ts";

/** INVALID_ARGUMENT with a reason and, where known, the fields at fault. */
export function invalidArgument(
  reason: string,
  message: string,
  violations: FieldViolation[] = [],
): AppError {
  return new AppError({ code: Status.INVALID_ARGUMENT, reason, message, violations });
}

/** NOT_FOUND; used alike for unknown ids and for ids of other users. */
export function notFound(reason: string, message: string): AppError {
  return new AppError({ code: Status.NOT_FOUND, reason, message });
}

/** UNAUTHENTICATED. */
export function unauthenticated(reason: string, message: string): AppError {
  return new AppError({ code: Status.UNAUTHENTICATED, reason, message });
}

/** PERMISSION_DENIED. */
export function permissionDenied(reason: string, message: string): AppError {
  return new AppError({ code: Status.PERMISSION_DENIED, reason, message });
}

/** ALREADY_EXISTS. */
export function alreadyExists(reason: string, message: string): AppError {
  return new AppError({ code: Status.ALREADY_EXISTS, reason, message });
}

/** FAILED_PRECONDITION: right as such, but not as things are. */
export function failedPrecondition(reason: string, message: string): AppError {
  return new AppError({ code: Status.FAILED_PRECONDITION, reason, message });
}

/** UNAVAILABLE: something that this needs does not answer; the same may go well later. */
export function unavailable(reason: string, message: string): AppError {
  return new AppError({ code: Status.UNAVAILABLE, reason, message });
}

/** RESOURCE_EXHAUSTED with the time after which trying again makes sense. */
export function overloaded(reason: string, message: string, retryAfterMs: number): AppError {
  return new AppError({ code: Status.RESOURCE_EXHAUSTED, reason, message, retryAfterMs });
}

/** RESOURCE_EXHAUSTED for something that will never fit, such as a file over the limit. */
export function tooLarge(reason: string, message: string): AppError {
  return new AppError({ code: Status.RESOURCE_EXHAUSTED, reason, message });
}
