import type { Logger } from "@ocelli/chassis";
import type { PhotoDeletion } from "./photo-deletion.ts";

/** What {@link startTrashPurge} stands on. */
export interface TrashPurgeOptions {
  deletion: Pick<PhotoDeletion, "purge">;
  /** How long photos stay in the trash, in milliseconds. */
  retentionMs: number;
  log: Pick<Logger, "info" | "warn">;
}

const longestPauseMs = 3_600_000;
const shortestPauseMs = 1_000;

/**
 * Deletes what has been in the trash for long enough, now and again and again: photos stay at most a twentieth longer.
 * @returns ends it.
 */
export function startTrashPurge({ deletion, retentionMs, log }: TrashPurgeOptions): () => Promise<void> {
  const stopping = new AbortController();
  const pauseMs = Math.min(longestPauseMs, Math.max(shortestPauseMs, retentionMs / 20));
  let timer: NodeJS.Timeout | undefined;

  async function purge(): Promise<void> {
    try {
      const photos = await deletion.purge(retentionMs, stopping.signal);
      if (photos > 0) log.info({ photos }, "deleted what was in the trash for long enough");
    } catch (error) {
      if (!stopping.signal.aborted) log.warn({ err: error }, "the trash is purged later");
    }
    if (!stopping.signal.aborted) timer = setTimeout(again, pauseMs).unref();
  }

  let running = purge();
  function again(): void {
    running = purge();
  }

  return async () => {
    stopping.abort();
    clearTimeout(timer);
    await running;
  };
}
