import { AppError, ConfigError } from "@ocelli/chassis";
import { StartupError } from "./startup-error.ts";

/** One line about why something could not be done, and how to mend it where that is known. */
export function explain(error: unknown): string {
  if (error instanceof StartupError) return error.message;
  if (error instanceof ConfigError)
    return `${error.message} (see the configuration table in docs/configuration.md)`;
  if (error instanceof AppError) {
    const violations = error.violations.map(({ field, description }) => `; ${field} ${description}`);
    return `${error.message} (${error.reason}${violations.join("")})`;
  }
  if (!(error instanceof Error)) return String(error);
  return error.message;
}
