import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/** A process and all that it started, which Postgres puts into sessions of their own: no signal to a group reaches them. */
export function processTree(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync("/proc")) {
    const parent = /^\d+$/.test(entry) ? parentOf(Number(entry)) : undefined;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const within = (root: number): number[] => [root, ...(children.get(root) ?? []).flatMap(within)];
  return within(pid);
}

function parentOf(pid: number): number | undefined {
  try {
    // The name stands in parentheses and may hold some itself; state and parent follow the last one.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return undefined;
  }
}

/** Sends a signal to a process and all that it started; who has ended meanwhile is passed over. */
export function signalTree(pid: number, signal: "SIGSTOP" | "SIGCONT"): void {
  for (const each of processTree(pid)) {
    try {
      process.kill(each, signal);
    } catch {
      // It ended between the look and the signal.
    }
  }
}

/** Stops a process with its children for so long. */
export async function pauseTree(pid: number, ms: number): Promise<void> {
  signalTree(pid, "SIGSTOP");
  try {
    await delay(ms);
  } finally {
    signalTree(pid, "SIGCONT");
  }
}
