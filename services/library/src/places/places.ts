import { fork } from "node:child_process";
import { once } from "node:events";
import type { Logger } from "@ocelli/chassis";
import type { PackedTowns } from "./packed-towns.ts";
import { createTownIndex, type Place, type TownIndex } from "./town-index.ts";

export type { Place } from "./town-index.ts";

/** Tells where on Earth a position is, without asking anybody. */
export interface Places {
  /** The nearest town; undefined where there is none, or no position. Never fails. */
  find(latitude: number, longitude: number): Promise<Place | undefined>;
}

const loadTimeoutMs = 60_000;

/** Creates the finder. The towns are read at the first question, in a thread of their own, and kept as a few arrays. */
export function createPlaces(log: Pick<Logger, "warn">): Places {
  let index: Promise<TownIndex | undefined> | undefined;

  async function load(): Promise<TownIndex | undefined> {
    try {
      return createTownIndex(await loadTowns());
    } catch (err) {
      log.warn({ err }, "the towns of the world cannot be read; photos get no place names");
      return undefined;
    }
  }

  return {
    async find(latitude, longitude) {
      if (!(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180)) return undefined;
      index ??= load();
      return (await index)?.nearest(latitude, longitude);
    },
  };
}

async function loadTowns(): Promise<PackedTowns> {
  // A process rather than a thread: all that reading took in memory goes back to the system.
  const child = fork(new URL("./towns-process.ts", import.meta.url), {
    serialization: "advanced",
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    execArgv: ["--max-old-space-size=128"],
    env: {},
    timeout: loadTimeoutMs,
    killSignal: "SIGKILL",
  });
  try {
    const ended = once(child, "exit").then(() => {
      throw new Error("the process that reads the towns ended");
    });
    // Both also reject when the process cannot be started.
    const [towns]: PackedTowns[] = await Promise.race([once(child, "message"), ended]);
    if (!towns) throw new Error("no towns were read");
    return towns;
  } finally {
    child.kill("SIGKILL");
  }
}
