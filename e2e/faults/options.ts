import { parseArgs } from "node:util";
import { type FaultKind, faultKinds } from "./schedule.ts";

/** What a run is asked to do. */
export interface FaultOptions {
  /** How long load and faults go on. */
  minutes: number;
  /** The same seed plans the same faults and the same load. */
  seed: number;
  kinds: readonly FaultKind[];
}

/**
 * Reads `--minutes`, `--seed` and `--only`.
 * @throws Error that says what is wrong with them.
 */
export function parseOptions(args: readonly string[]): FaultOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: "string", default: "3" },
      seed: { type: "string", default: String(Math.floor(Math.random() * 1_000_000)) },
      only: { type: "string", default: faultKinds.join(",") },
    },
  });
  const minutes = Number(values.minutes);
  if (!(minutes > 0 && minutes <= 24 * 60)) throw new Error("--minutes must be more than 0, at most 1440");
  const seed = Number(values.seed);
  if (!Number.isSafeInteger(seed) || seed < 0) throw new Error("--seed must be a whole number from 0 on");
  const kinds = values.only.split(",").map((name) => {
    const kind = faultKinds.find((each) => each === name);
    if (!kind)
      throw new Error(`--only knows ${faultKinds.join(", ")}; ${JSON.stringify(name)} is none of them`);
    return kind;
  });
  return { minutes, seed, kinds };
}
