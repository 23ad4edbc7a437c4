import { StartupError } from "./startup-error.ts";

const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Runs a command that SIGINT and SIGTERM stop in an orderly way: its signal aborts, it releases what it has and ends with
 * 130 or 143. A second signal ends the process at once.
 */
export async function interruptible(run: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  let code: number | undefined;
  const stop = (signal: NodeJS.Signals) => {
    if (code !== undefined) process.exit(code);
    code = signal === "SIGINT" ? exitCodes.SIGINT : exitCodes.SIGTERM;
    controller.abort(new StartupError(`${signal}: ended before it was done`));
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.on(signal, stop);
  try {
    await run(controller.signal);
  } catch (error) {
    if (code === undefined) throw error;
    console.error(`ocelli: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = code;
  } finally {
    for (const signal of signals) process.off(signal, stop);
  }
}
