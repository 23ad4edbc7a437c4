import { loadSettings, shutdownSettings } from "@ocelli/chassis";

/** Something that runs until it is told to stop. */
interface Stoppable {
  stop(): Promise<void>;
}

/** Reports a fatal error from anywhere, also while still starting. */
export type OnFatal = (error: Error) => void;

/**
 * Milliseconds after which a process that was told to stop ends whatever still hangs, with the settings as they are; never
 * less.
 */
export const stopTimeoutMs = 30_000;

// What is closed after the graces: models, connections, stores.
const closingMs = 10_000;

/** Longer than everything inside may take: in one process the gateway ends first, then the services. */
function stopTimeout(env: NodeJS.ProcessEnv): number {
  const { shutdownDelayMs, shutdownGraceMs } = loadSettings(shutdownSettings, env);
  return Math.max(stopTimeoutMs, shutdownDelayMs + 2 * shutdownGraceMs + closingMs);
}

/**
 * Starts something and keeps it until SIGINT or SIGTERM, then drains it and exits 0. A second signal exits at once.
 * A fatal error drains too and exits 1.
 */
export async function runUntilStopped<T extends Stoppable>(
  start: (onFatal: OnFatal) => Promise<T>,
  onReady: (running: T) => void,
): Promise<void> {
  let end: (code: number) => void = () => undefined;
  const ended = new Promise<number>((resolve) => {
    end = resolve;
  });
  let signals = 0;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      signals += 1;
      if (signals > 1) process.exit(130);
      console.log("Ocelli is finishing what it has in hand; once more ends it at once.");
      end(0);
    });
  }
  const running = await start((error) => {
    console.error(`ocelli: ${error.message}; stopping`);
    end(1);
  });
  onReady(running);
  let code = await ended;
  const timer = setTimeout(() => process.exit(1), stopTimeout(process.env));
  timer.unref();
  await running.stop().catch((error: unknown) => {
    console.error(`ocelli: stopping failed: ${error instanceof Error ? error.message : String(error)}`);
    code = 1;
  });
  process.exit(code);
}
