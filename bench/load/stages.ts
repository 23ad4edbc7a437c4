import { cpuMs, residentMb } from "../mesh.ts";
import { type KindOutcome, type Offer, offer } from "./arrivals.ts";

/** One stretch of load at one rate. */
export interface LoadStage {
  name: string;
  /** Requests per second offered, and answered well. */
  offered: number;
  good: number;
  shed: number;
  late: number;
  failed: number;
  /** MB (2^20) of the server, once a second. */
  memory: number[];
  /** Cores that the server kept busy. */
  cores: number;
  kinds: Map<string, KindOutcome>;
}

const sampleMs = 1000;

/** Offers one rate for a while and sums up what came of it, with the server's memory and CPU meanwhile. */
export async function runStage(name: string, pid: number, options: Offer): Promise<LoadStage> {
  const memory = [residentMb(pid)];
  const timer = setInterval(() => memory.push(residentMb(pid)), sampleMs);
  const startedAt = performance.now();
  const cpuBefore = cpuMs(pid);
  const kinds = await offer(options);
  clearInterval(timer);
  const elapsed = performance.now() - startedAt;
  const perSecond = (of: (outcome: KindOutcome) => number) =>
    [...kinds.values()].reduce((sum, outcome) => sum + of(outcome), 0) / options.seconds;
  return {
    name,
    offered: perSecond(({ offered }) => offered),
    good: perSecond(({ good }) => good),
    shed: perSecond(({ shed }) => shed),
    late: perSecond(({ late }) => late),
    failed: perSecond(({ failed }) => failed),
    memory,
    cores: (cpuMs(pid) - cpuBefore) / elapsed,
    kinds,
  };
}

/** The first rate tried, and how the rates grow. */
const firstRate = 20;
const growth = 1.4;
const mostSteps = 12;
/** Below this share of good answers the server has more than it can do. */
const enough = 0.9;

/**
 * Finds what the server can do: offers more and more until it no longer answers what is asked, and takes the best.
 * @returns all stages, in order.
 */
export async function findCapacity(pid: number, options: Omit<Offer, "rate">): Promise<LoadStage[]> {
  const stages: LoadStage[] = [];
  let rate = firstRate;
  for (let step = 0; step < mostSteps; step += 1) {
    const stage = await runStage(`ramp ${Math.round(rate)}/s`, pid, { ...options, rate });
    stages.push(stage);
    tellStage(stage);
    if (stage.good < enough * stage.offered) break;
    rate *= growth;
  }
  return stages;
}

/** One line about a stage. */
export function tellStage({
  name,
  offered,
  good,
  shed,
  late,
  failed,
  memory,
  cores,
  kinds,
}: LoadStage): void {
  const number = (value: number) => value.toFixed(1);
  console.log(
    `${name}: offered ${number(offered)}/s, good ${number(good)}, shed ${number(shed)}, late ${number(late)}, failed ${number(failed)}; ` +
      `${cores.toFixed(2)} cores, memory up to ${Math.max(...memory).toFixed(0)} MB`,
  );
  for (const [kind, { latency, offered: count, shed: refused, late: tooLate, failures }] of kinds) {
    const at = (percentile: number) => `${latency.getValueAtPercentile(percentile)} ms`;
    const why = [...failures].map(([reason, times]) => `${reason} x${times}`).join(", ");
    console.log(
      `  ${kind}: ${count} offered, p50 ${at(50)}, p95 ${at(95)}, p99 ${at(99)}, ${refused} shed, ${tooLate} late${why ? `; ${why}` : ""}`,
    );
  }
}
