import type { DependencyCheck } from "@ocelli/chassis";

/** How a dependency does: `degraded` says that it is well, and calls to it fail nevertheless. */
export type CheckOutcome = "ok" | "degraded" | "failed" | "timeout";

/** A dependency that may also be known to fail although it says that it is well. */
export type ReadinessCheck = DependencyCheck & { readonly isDegraded?: () => boolean };

/** Whether the process can do its work. */
export interface Readiness {
  /** False when something that nearly every request needs is not there, and when the process is about to stop. */
  ready: boolean;
  /** True from the moment that the process was told to stop. */
  draining: boolean;
  /** By name of the dependency. */
  checks: Record<string, CheckOutcome>;
  /** Names of those that `ready` rests on. Without any other, what it does is missing and the rest works. */
  required: string[];
}

/** Settings of {@link createReadiness}. */
export interface ReadinessOptions {
  readonly checks: readonly ReadinessCheck[];
  /** Aborted when the process was told to stop. */
  readonly draining: AbortSignal;
}

// Who somebody is and what he has: without these two no request gets anywhere. Were an analysing service among them, its
// outage would take all gateways away at once, and everything with them.
const requiredServices: ReadonlySet<string> = new Set(["auth", "library"]);

const checkTimeoutMs = 2000;
const reuseMs = 1000;

/** Creates a check of all dependencies that runs at most once a second, however often it is asked for. */
export function createReadiness({ checks, draining }: ReadinessOptions): () => Promise<Readiness> {
  // Services of one process share some dependencies; each is asked once.
  const unique = [...new Map(checks.map((each) => [each.name, each])).values()];
  const required = unique.map(({ name }) => name).filter(isRequired);
  let last: { at: number; result: Promise<Record<string, CheckOutcome>> } | undefined;

  async function run(): Promise<Record<string, CheckOutcome>> {
    return Object.fromEntries(
      await Promise.all(unique.map(async (each) => [each.name, await outcome(each)])),
    );
  }

  return async () => {
    const now = performance.now();
    if (!last || now - last.at > reuseMs) last = { at: now, result: run() };
    const outcomes = await last.result;
    const there = required.every((name) => outcomes[name] === "ok" || outcomes[name] === "degraded");
    return { ready: there && !draining.aborted, draining: draining.aborted, checks: outcomes, required };
  };
}

/** `library` itself, and what belongs to it, such as `library.database`. */
function isRequired(name: string): boolean {
  return requiredServices.has(name.split(".")[0] ?? "");
}

async function outcome({ check, isDegraded }: ReadinessCheck): Promise<CheckOutcome> {
  const timeout = Promise.withResolvers<"timeout">();
  const timer = setTimeout(() => timeout.resolve("timeout"), checkTimeoutMs);
  try {
    const result = await Promise.race([check().then(() => "ok" as const), timeout.promise]);
    return result === "ok" && isDegraded?.() ? "degraded" : result;
  } catch {
    return "failed";
  } finally {
    clearTimeout(timer);
  }
}
