import { setTimeout as delay } from "node:timers/promises";
import { pauseTree } from "../process-tree.ts";
import type { Inject } from "./fault.ts";

/** `kill -9`, and a start on the same data. */
export const kill: Inject = ({ mesh }, { target, forMs }) =>
  mesh.alone(target, async () => {
    await mesh.kill(target);
    await delay(forMs);
    await mesh.start(target);
    return "done";
  });

/** SIGSTOP and SIGCONT: it does not answer and does not hang up either. */
export const pause: Inject = ({ mesh }, { target, forMs }) =>
  mesh.alone(target, async () => {
    const pid = mesh.pid(target);
    if (pid === undefined) throw new Error(`${target} does not run`);
    await pauseTree(pid, forMs);
    return "done";
  });

/** Stopped nine tenths of the time: every write takes ten times as long, and some a tenth of a second. */
export const slowDisk: Inject = ({ mesh }, { target, forMs }) =>
  mesh.alone(target, async () => {
    const until = performance.now() + forMs;
    for (;;) {
      const pid = mesh.pid(target);
      if (pid === undefined || performance.now() > until) return "done";
      await pauseTree(pid, 90);
      await delay(10);
    }
  });
