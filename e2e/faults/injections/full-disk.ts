import { setTimeout as delay } from "node:timers/promises";
import type { Inject } from "./fault.ts";

/** No room for a single byte, then room again. What ended for want of it is started, as its supervisor would. */
export const fullDisk: Inject = ({ mesh, recorder }, { target, forMs }) =>
  mesh.alone(target, async () => {
    const disk = mesh.disks.get(target);
    if (!disk) return "SKIPPED";
    const refused = recorder.answers.get("507") ?? 0;
    disk.fill();
    try {
      await delay(forMs);
    } finally {
      disk.makeRoom();
    }
    if (target === "library" && (recorder.answers.get("507") ?? 0) > refused)
      recorder.did("upload refused: disk full");
    // NATS takes its store out of service when a write fails, and Postgres may end: both want a start.
    if (target === "nats") await mesh.kill("nats");
    await mesh.revive(target);
    return "done";
  });
