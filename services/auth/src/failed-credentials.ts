import type { AttemptLimits } from "./attempt-limits.ts";

/**
 * Counts a wrong API key or client secret against its address. Only who presents a wrong one is refused: such secrets
 * have 256 random bits and cannot be found by trying, so that refusing right ones as well would protect nobody, and let
 * one broken client lock out everybody behind the same address.
 * @throws AppError RESOURCE_EXHAUSTED/TOO_MANY_ATTEMPTS.
 */
export async function countFailure(
  attempts: Pick<AttemptLimits, "admit" | "failed">,
  address: string,
): Promise<void> {
  const attempt = { kind: "token", address } as const;
  await attempts.admit(attempt);
  await attempts.failed(attempt);
}
