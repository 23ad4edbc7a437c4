import { setTimeout as delay } from "node:timers/promises";
import { type EventTables, openDatabase, replayOutbox } from "@ocelli/chassis";
import { meshServices } from "../../harness/mesh.ts";
import { openEventStream } from "../event-stream.ts";
import type { FaultMesh } from "../fault-mesh.ts";
import { storeUrl } from "../stores.ts";
import type { Inject } from "./fault.ts";

/** The stream is deleted with all that was not handled yet. */
export const streamLost: Inject = ({ mesh }, { forMs }) =>
  mesh.alone("nats", async () => {
    const stream = await openEventStream(mesh.mesh.nats.url);
    try {
      await stream.delete();
    } finally {
      await stream.close();
    }
    await delay(forMs);
    await replayAll(mesh);
    return "done";
  });

/** NATS comes back with an empty disk. */
export const natsLost: Inject = ({ mesh }, { forMs }) =>
  mesh.alone("nats", async () => {
    await mesh.kill("nats", { wipe: true });
    await delay(forMs);
    await mesh.start("nats");
    await replayAll(mesh);
    return "done";
  });

/** What `ocelli events replay` does, for each service whose events may be lost. */
async function replayAll({ mesh }: FaultMesh): Promise<void> {
  for (const service of meshServices) {
    await eventually(async () => {
      const { db, close } = openDatabase<EventTables>({ url: storeUrl(mesh, service), schema: service });
      await replayOutbox(db).finally(close);
    });
  }
}

/** Whose store may be down at the moment, for another fault. */
async function eventually(work: () => Promise<void>): Promise<void> {
  for (let failures = 0; ; failures += 1) {
    try {
      return await work();
    } catch (error) {
      if (failures >= 60) throw error;
      await delay(1_000);
    }
  }
}
