import { setTimeout as delay } from "node:timers/promises";
import type { Figure } from "./figures.ts";
import { type Mesh, residentMb, startMesh } from "./mesh.ts";

// Start-up leaves garbage and connections behind that go by themselves.
const settleMs = 3_000;

/** First and second start on one folder to "ready", and the memory of the second at rest; the mesh stays. */
export async function measureStartUp(dataDir: string): Promise<{ figures: Figure[]; mesh: Mesh }> {
  const first = await startMesh(dataDir, {}, "first");
  await first.process.end("SIGTERM");
  const mesh = await startMesh(dataDir, {}, "second");
  await delay(settleMs);
  const figures: Figure[] = [
    { group: "start-up", name: "first start", value: first.readyMs / 1000, unit: "s" },
    {
      group: "start-up",
      name: "second start",
      value: mesh.readyMs / 1000,
      unit: "s",
      target: { at: "most", value: 5 },
    },
    {
      group: "memory",
      name: "at rest after the start",
      value: residentMb(mesh.process.child.pid ?? 0),
      unit: "MB",
      target: { at: "most", value: 700 },
    },
  ];
  return { figures, mesh };
}
