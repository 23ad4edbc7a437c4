import { setTimeout as delay } from "node:timers/promises";
import type { MeshProcess } from "../../harness/mesh.ts";
import type { Inject } from "./fault.ts";

const hourMs = 3_600_000;

/** The clock of one process is an hour off, and right again. */
export const clock: Inject = async ({ mesh, random }, { target, forMs }) => {
  const process = target as MeshProcess; // the schedule names processes of the mesh only
  mesh.setClock(process, random.pick([hourMs, -hourMs]));
  try {
    await delay(forMs);
  } finally {
    mesh.setClock(process, 0);
  }
  return "done";
};
