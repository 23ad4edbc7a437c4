import type { FaultKind } from "../schedule.ts";
import { clock } from "./clock.ts";
import type { Inject } from "./fault.ts";
import { fullDisk } from "./full-disk.ts";
import { duplicates, poison } from "./messages.ts";
import { kill, pause, slowDisk } from "./processes.ts";
import { natsLost, streamLost } from "./streams.ts";

export type { FaultContext } from "./fault.ts";

/** How each kind of fault is done. */
export const injections: Readonly<Record<FaultKind, Inject>> = {
  kill,
  pause,
  "slow-disk": slowDisk,
  "full-disk": fullDisk,
  "stream-lost": streamLost,
  "nats-lost": natsLost,
  clock,
  duplicates,
  poison,
};
