import { watch } from "chokidar";
import { isImageName } from "./find-images.ts";

/** A file that has not grown for this long is taken for whole. */
const settledMs = 2_000;

/**
 * Hands over pictures that come into a folder, once they are written, a batch at a time, until the signal is aborted.
 * What is there already is not handed over.
 */
export async function watchFolder(
  folder: string,
  signal: AbortSignal,
  use: (paths: string[]) => Promise<void>,
  onReady: () => void,
): Promise<void> {
  const waiting = new Set<string>();
  let wake: () => void = () => undefined;
  const watcher = watch(folder, {
    followSymlinks: false,
    ignoreInitial: true,
    awaitWriteFinish: { stabilityThreshold: settledMs, pollInterval: 200 },
  });
  const note = (path: string) => {
    if (!isImageName(path.split(/[/\\]/).at(-1) ?? "")) return;
    waiting.add(path);
    wake();
  };
  const onAbort = () => wake();
  signal.addEventListener("abort", onAbort);
  watcher.on("add", note).on("change", note).once("ready", onReady);
  try {
    while (!signal.aborted) {
      const paths = [...waiting];
      waiting.clear();
      if (paths.length > 0) await use(paths);
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    await watcher.close();
  }
}
