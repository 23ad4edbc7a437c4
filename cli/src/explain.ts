import { AppError, ConfigError } from "@ocelli/chassis";
import { StartupError } from "./startup-error.ts";

/** One line about why something could not be done, and how to mend it where that is known. */
export function explain(error: unknown): string {
  if (error instanceof StartupError) return error.message;
  if (error instanceof ConfigError)
    return `${error.message} (see the configuration table in docs/configuration.md)`;
  if (error instanceof AppError) return `${error.message} (${error.reason})`;
  if (!(error instanceof Error)) return String(error);
  const portInUse = "code" in error && error.code === "EADDRINUSE";
  if (portInUse || /EADDRINUSE|No address added out of total/.test(error.message)) {
    const port = /:(\d{2,5})/.exec(error.message)?.[1];
    const which = port ? `port ${port}` : "a port";
    return `${which} is in use by another program; stop it, or choose another with PORT (gateway) or <SERVICE>_PORT`;
  }
  return error.message;
}
