import type { Logger } from "@ocelli/chassis";
import type { Uploads } from "./uploads.ts";

const pauseMs = 600_000;

/** Drops expired uploads now and again and again. @returns ends it. */
export function startUploadSweeper(
  uploads: Pick<Uploads, "sweep">,
  log: Pick<Logger, "warn">,
): () => Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let isStopping = false;

  async function sweep(): Promise<void> {
    await uploads.sweep().catch((error: unknown) => {
      log.warn({ err: error }, "expired uploads are left for later");
    });
    if (!isStopping) timer = setTimeout(again, pauseMs).unref();
  }

  let running = sweep();
  function again(): void {
    running = sweep();
  }

  return async () => {
    isStopping = true;
    clearTimeout(timer);
    await running;
  };
}
