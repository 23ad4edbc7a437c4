import { AppError } from "./app-error.ts";

/**
 * Why a connection failed, for whoever starts a process: what the system said, not what a caller of a service is told. A
 * connection that several addresses refused is an error without a message, but with a code.
 */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AppError && error.cause instanceof Error) return describeFailure(error.cause);
  return error.message || ("code" in error ? String(error.code) : error.name);
}
