import { meshServices } from "../harness/mesh.ts";
import type { Random } from "./random.ts";

/** Every kind of fault, as `--only` names them. */
export const faultKinds = [
  "kill",
  "pause",
  "slow-disk",
  "full-disk",
  "stream-lost",
  "nats-lost",
  "clock",
  "duplicates",
  "poison",
] as const;

/** See {@link faultKinds}. */
export type FaultKind = (typeof faultKinds)[number];

/** All that can be killed and paused. */
export const targets = [...meshServices, "gateway", "nats", "postgres"] as const;

/** See {@link targets}. */
export type Target = (typeof targets)[number];

/** One fault of a run. */
export interface PlannedFault {
  /** Since the load began. It begins later when an earlier one of its lane, or of its target, still goes on. */
  atMs: number;
  kind: FaultKind;
  target: Target;
  /** How long it lasts, without what it takes to come back. */
  forMs: number;
  /** Decides what is left to chance within the fault. */
  seed: number;
}

/** What a schedule is made for. */
export interface ScheduleOptions {
  /** How long faults are injected. */
  durationMs: number;
  kinds: readonly FaultKind[];
  /** Longest stop of a process. */
  longestPauseMs: number;
}

/** How long it takes, about, until the next fault of a lane can begin: processes start in 2 to 4 s on two cores. */
const recoveryMs = 3_500;

const targetsOf: Readonly<Record<FaultKind, readonly Target[]>> = {
  kill: targets,
  pause: targets,
  "slow-disk": ["postgres", "nats"],
  "full-disk": ["library", "postgres", "nats"],
  "stream-lost": ["nats"],
  "nats-lost": ["nats"],
  clock: ["auth", "library", "captioning"],
  duplicates: ["nats"],
  poison: ["nats"],
};

/**
 * Plans the faults of a run in two lanes, so that two things can be wrong at a time: whoever is killed, and everything
 * else. Each lane takes every kind with every target once, in an order of chance, before it takes any again.
 */
export function planFaults(random: Random, options: ScheduleOptions): PlannedFault[] {
  const kills = options.kinds.filter((kind) => kind === "kill");
  const others = options.kinds.filter((kind) => kind !== "kill");
  return [planLane(random.fork("kills"), kills, options), planLane(random.fork("others"), others, options)]
    .flat()
    .sort((one, other) => one.atMs - other.atMs);
}

function planLane(random: Random, kinds: readonly FaultKind[], options: ScheduleOptions): PlannedFault[] {
  const deck = kinds.flatMap((kind) => targetsOf[kind].map((target) => ({ kind, target })));
  const faults: PlannedFault[] = [];
  if (deck.length === 0) return faults;
  let atMs = random.between(1_000, 3_000);
  for (;;) {
    for (const { kind, target } of dealt(random, deck)) {
      const forMs = lengthOf(random, kind, options.longestPauseMs);
      if (atMs + forMs > options.durationMs) return faults;
      faults.push({ atMs, kind, target, forMs, seed: random.between(0, 2 ** 31) });
      atMs += forMs + recoveryMs + random.between(0, 1_500);
    }
  }
}

interface Card {
  kind: FaultKind;
  target: Target;
}

/** Kinds in turn, the first target of each before the second of any: a short run sees every kind. */
function dealt(random: Random, deck: readonly Card[]): Card[] {
  const piles = [...Map.groupBy(random.shuffled(deck), ({ kind }) => kind).values()];
  const longest = Math.max(...piles.map((pile) => pile.length));
  return Array.from({ length: longest }, (_, turn) => piles.flatMap((pile) => pile[turn] ?? [])).flat();
}

function lengthOf(random: Random, kind: FaultKind, longestPauseMs: number): number {
  if (kind === "pause") return random.between(1_000, longestPauseMs);
  if (kind === "kill") return random.between(0, 2_500);
  if (kind === "slow-disk" || kind === "full-disk" || kind === "clock") return random.between(3_000, 6_000);
  return random.between(0, 500);
}
