import { AppError } from "@ocelli/chassis";
import { Status } from "nice-grpc";

/**
 * A message field that the contract promises but protobuf cannot enforce.
 * @throws AppError INTERNAL/INCOMPLETE_ANSWER when a service left it out.
 */
export function required<T>(value: T | undefined, field: string): T {
  if (value !== undefined) return value;
  throw new AppError({
    code: Status.INTERNAL,
    reason: "INCOMPLETE_ANSWER",
    message: `A service answered without ${field}.`,
  });
}
