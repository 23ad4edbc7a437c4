import { readFile } from "node:fs/promises";
import { parentPort } from "node:worker_threads";
import { all } from "heic-decode";
import type { HeicReply, HeicRequest } from "./heic-decoder.ts";
import { wrapAsTiff } from "./tiff-wrap.ts";

// A thread that decodes the primary picture of HEIC files, one after another. Whoever started it ends it.

async function decode({ path, icc, maxPixels }: HeicRequest): Promise<HeicReply> {
  const images = await all({ buffer: await readFile(path) });
  try {
    const [primary] = images;
    if (!primary) return { failure: "damaged" };
    // What the decoder understood, which need not be what was read from the header before.
    if (!(primary.width > 0 && primary.width * primary.height <= maxPixels)) return { failure: "too-large" };
    const pixels = await primary.decode();
    return { tiff: wrapAsTiff(pixels, icc) };
  } finally {
    images.dispose();
  }
}

parentPort?.on("message", async (request: HeicRequest) => {
  const reply: HeicReply = await decode(request).catch(() => ({ failure: "damaged" as const }));
  parentPort?.postMessage(reply, reply.tiff ? [reply.tiff.buffer] : []);
});
