import type { FaultMesh, FaultOutcome } from "../fault-mesh.ts";
import type { Random } from "../random.ts";
import type { Recorder } from "../recorder.ts";
import type { PlannedFault } from "../schedule.ts";
import type { Ask } from "../stores.ts";

/** What a fault can reach. */
export interface FaultContext {
  mesh: FaultMesh;
  recorder: Recorder;
  ask: Ask;
  /** Of this fault alone. */
  random: Random;
}

/** Breaks something, and mends it as an operator would; resolves when all of it runs again. */
export type Inject = (context: FaultContext, fault: PlannedFault) => Promise<FaultOutcome>;
