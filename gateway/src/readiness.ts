import type { DependencyCheck } from "@ocelli/chassis";

/** Whether everything the process depends on is usable. */
export interface Readiness {
  ready: boolean;
  /** `ok`, or what is wrong, by name of the dependency. */
  checks: Record<string, "ok" | "failed" | "timeout">;
}

const checkTimeoutMs = 2000;
const reuseMs = 1000;

/** Creates a check of all dependencies that runs at most once a second, however often it is asked for. */
export function createReadiness(checks: readonly DependencyCheck[]): () => Promise<Readiness> {
  // Services of one process share some dependencies; each is asked once.
  const unique = [...new Map(checks.map((each) => [each.name, each])).values()];
  let last: { at: number; result: Promise<Readiness> } | undefined;

  async function run(): Promise<Readiness> {
    const results = await Promise.all(unique.map(async (each) => [each.name, await outcome(each)] as const));
    return { ready: results.every(([, result]) => result === "ok"), checks: Object.fromEntries(results) };
  }

  return () => {
    const now = performance.now();
    if (!last || now - last.at > reuseMs) last = { at: now, result: run() };
    return last.result;
  };
}

async function outcome({ check }: DependencyCheck): Promise<"ok" | "failed" | "timeout"> {
  const timeout = Promise.withResolvers<"timeout">();
  const timer = setTimeout(() => timeout.resolve("timeout"), checkTimeoutMs);
  try {
    return await Promise.race([check().then(() => "ok" as const), timeout.promise]);
  } catch {
    return "failed";
  } finally {
    clearTimeout(timer);
  }
}
