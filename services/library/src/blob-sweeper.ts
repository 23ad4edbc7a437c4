import type { Logger } from "@ocelli/chassis";
import type { LooseBlobs } from "./loose-blobs.ts";

/** What {@link createBlobSweeper} stands on. */
export interface BlobSweeperOptions {
  loose: Pick<LooseBlobs, "sweep">;
  log: Pick<Logger, "warn">;
}

/** Removes files of deleted photos while nobody waits for it. */
export interface BlobSweeper {
  /** Starts a sweep, or another one after that in hand. */
  kick(): void;
  /** Ends the sweep in hand; the next start does the rest. */
  stop(): Promise<void>;
}

/** Creates a sweeper; one sweep runs at a time. */
export function createBlobSweeper({ loose, log }: BlobSweeperOptions): BlobSweeper {
  const stopping = new AbortController();
  let wanted = false;
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (wanted && !stopping.signal.aborted) {
      wanted = false;
      await loose.sweep(stopping.signal).catch((error: unknown) => {
        if (!stopping.signal.aborted) log.warn({ err: error }, "files of deleted photos are left for later");
      });
    }
    running = undefined;
  }

  return {
    kick() {
      wanted = true;
      running ??= run();
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
