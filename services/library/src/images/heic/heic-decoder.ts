import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { AppError } from "@ocelli/chassis";
import { corruptImage, decodingTooSlow, tooManyPixels } from "../errors.ts";

/** What a decoding thread is asked. */
export interface HeicRequest {
  /** A local file. */
  path: string;
  /** Colour profile of the picture. */
  icc: Uint8Array | undefined;
  maxPixels: number;
}

/** What a decoding thread answers. */
export interface HeicReply {
  /** Upright pixels with their colour profile. */
  tiff?: Uint8Array<ArrayBuffer>;
  failure?: "damaged" | "too-large";
}

/** Limits of one decoding. */
export interface HeicLimits {
  maxPixels: number;
  timeoutMs: number;
}

/** Decodes what the image library does not: pictures compressed with HEVC. */
export interface HeicDecoder {
  /**
   * Decodes the primary picture, upright, as an uncompressed TIFF.
   * @throws AppError INVALID_ARGUMENT/{CORRUPT_IMAGE,TOO_MANY_PIXELS}.
   */
  decode(path: string, icc: Uint8Array | undefined): Promise<Uint8Array>;
  /** Ends all threads; decodings in hand fail. */
  close(): Promise<void>;
}

/** How long a thread outlives its last picture: uploads come in bursts, and loading the decoder takes 0.1 s. */
const defaultIdleMs = 10_000;

/**
 * Creates the decoder. It is WebAssembly that cannot be interrupted, so it runs in threads of its own: one per decoding
 * in hand (the caller bounds these), ended when it takes too long, and some time after the last picture, which also
 * returns the memory that the decoder never gives back.
 */
export function createHeicDecoder(limits: HeicLimits, idleMs = defaultIdleMs): HeicDecoder {
  const idle = new Map<Worker, NodeJS.Timeout>();
  const all = new Set<Worker>();

  function start(): Worker {
    const worker = new Worker(new URL("./heic-worker.ts", import.meta.url), {
      // The pixels lie outside of this heap; the decoder's own memory ends at 2 GiB.
      resourceLimits: { maxOldGenerationSizeMb: 128 },
      // The decoder prints what it thinks of damaged files.
      stdout: true,
      stderr: true,
    });
    worker.stdout.resume();
    worker.stderr.resume();
    worker.unref();
    all.add(worker);
    worker.on("error", () => undefined);
    worker.once("exit", () => forget(worker));
    return worker;
  }

  function forget(worker: Worker): void {
    clearTimeout(idle.get(worker));
    idle.delete(worker);
    all.delete(worker);
  }

  function take(): Worker {
    const [ready] = idle.keys();
    if (!ready) return start();
    clearTimeout(idle.get(ready));
    idle.delete(ready);
    return ready;
  }

  function park(worker: Worker): void {
    if (!all.has(worker)) return;
    idle.set(worker, setTimeout(() => void worker.terminate(), idleMs).unref());
  }

  return {
    async decode(path, icc) {
      const worker = take();
      const reply = await ask(worker, { path, icc, maxPixels: limits.maxPixels }, limits.timeoutMs);
      if (reply === "timeout" || reply === "lost") {
        await worker.terminate();
        throw reply === "timeout" ? decodingTooSlow(limits.timeoutMs) : corruptImage();
      }
      park(worker);
      if (reply.tiff) return reply.tiff;
      throw failureOf(reply, limits);
    },
    async close() {
      await Promise.all([...all].map((worker) => worker.terminate()));
    },
  };
}

async function ask(
  worker: Worker,
  request: HeicRequest,
  timeoutMs: number,
): Promise<HeicReply | "timeout" | "lost"> {
  const settled = new AbortController();
  const { signal } = settled;
  worker.ref();
  try {
    const answer = once(worker, "message", { signal }).then(([reply]: HeicReply[]) => reply ?? "lost");
    const end = once(worker, "exit", { signal }).then(() => "lost" as const);
    const late = new Promise<"timeout">((resolve) => {
      const timer = setTimeout(() => resolve("timeout"), timeoutMs);
      signal.addEventListener("abort", () => clearTimeout(timer));
    });
    worker.postMessage(request);
    // `once` also fails on the error event, that of a thread out of memory for one.
    return await Promise.race([answer, end, late]).catch(() => "lost" as const);
  } finally {
    settled.abort();
    worker.unref();
  }
}

function failureOf({ failure }: HeicReply, limits: HeicLimits): AppError {
  return failure === "too-large" ? tooManyPixels(limits.maxPixels) : corruptImage();
}
