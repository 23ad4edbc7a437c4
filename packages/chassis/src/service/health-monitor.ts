import type { Logger } from "pino";
import type { DependencyCheck } from "./runtime.ts";

/** Settings of {@link watchHealth}. */
export interface HealthMonitorOptions {
  /** What the state rests on; all of it. */
  readonly checks: readonly DependencyCheck[];
  readonly onChange: (healthy: boolean) => void;
  readonly log: Logger;
}

/** A running watch. */
export interface HealthMonitor {
  stop(): void;
}

const healthyPauseMs = 5_000;
// A doubt is settled sooner than the next ordinary look.
const doubtPauseMs = 1_000;
const checkTimeoutMs = 3_000;
const failuresToFall = 3;
const successesToRise = 2;

/**
 * Looks at dependencies in the background and tells when they fail for good, or are back: one bad look is no reason to
 * send everybody elsewhere, one good look none to call them back. Begins as healthy.
 */
export function watchHealth({ checks, onChange, log }: HealthMonitorOptions): HealthMonitor {
  let healthy = true;
  let against = 0;
  let stopped = false;
  let timer: NodeJS.Timeout;

  async function look(): Promise<void> {
    const failed = await failuresOf(checks);
    if (stopped) return;
    against = (failed.length === 0) === healthy ? 0 : against + 1;
    if (against >= (healthy ? failuresToFall : successesToRise)) {
      healthy = !healthy;
      against = 0;
      if (healthy) log.info("dependencies are back");
      else log.warn({ failed }, "dependencies do not answer");
      onChange(healthy);
    }
    plan();
  }

  function plan(): void {
    const certain = healthy && against === 0;
    timer = setTimeout(() => void look(), certain ? healthyPauseMs : doubtPauseMs);
    timer.unref();
  }

  plan();
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

async function failuresOf(checks: readonly DependencyCheck[]): Promise<string[]> {
  const failed = await Promise.all(checks.map(async (each) => ((await passes(each)) ? [] : [each.name])));
  return failed.flat();
}

async function passes({ check }: DependencyCheck): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), checkTimeoutMs);
  try {
    return await Promise.race([check().then(() => true), late.promise]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
