import type { Runtime } from "@ocelli/chassis";
import type { Sessions } from "./sessions.ts";
import type { SigningKeys } from "./signing-keys.ts";

/** What {@link startForgetting} needs. */
export interface ForgettingOptions {
  sessions: Pick<Sessions, "purge">;
  signingKeys: Pick<SigningKeys, "purge">;
  log: Runtime["log"];
}

const everyMs = 3_600_000;
// Batches a turn: what is left has its turn an hour later.
const maxBatches = 100;

/** Deletes sessions and signing keys that ended long ago, from now on every hour; any number of replicas may do so. */
export function startForgetting({ sessions, signingKeys, log }: ForgettingOptions): {
  stop(): Promise<void>;
} {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running = Promise.resolve();

  async function forget(): Promise<void> {
    try {
      await signingKeys.purge();
      for (let batch = 0; batch < maxBatches && !stopped; batch++) {
        if ((await sessions.purge()) === 0) break;
      }
    } catch (error) {
      log.warn({ err: error }, "what ended long ago could not be deleted; trying again in an hour");
    }
    if (!stopped) timer = setTimeout(begin, everyMs).unref();
  }

  function begin(): void {
    running = forget();
  }

  begin();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
