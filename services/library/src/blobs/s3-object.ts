import { Readable } from "node:stream";
import type { GetObjectCommandOutput } from "@aws-sdk/client-s3";
import { toChunks } from "@ocelli/chassis";
import type { ByteRange, OpenBlob } from "./blob-store.ts";
import { storeUnavailable } from "./storage-errors.ts";

/** How long the server may take with the next bytes; however slow the reader is, that time is not counted. */
const silenceMs = 30_000;

/**
 * The body of an answer as a blob.
 * @throws Error when the answer is not of the part that was asked for.
 */
export function openObject(answer: GetObjectCommandOutput, range: ByteRange): OpenBlob {
  const { Body, ContentLength = 0, ContentRange } = answer;
  if (!(Body instanceof Readable)) throw new Error("the S3 server sent no body");
  const first = Number(/^bytes (\d+)-/.exec(ContentRange ?? "")?.[1] ?? 0);
  if (first !== range.offset) {
    Body.destroy();
    throw new Error("the S3 server sent another part of an object than it was asked for");
  }
  // Some servers send more than they were asked for.
  const wanted = Math.min(ContentLength, range.length ?? ContentLength);
  // A connection that breaks while nobody reads must not end the process.
  Body.on("error", () => undefined);
  const total = /\/(\d+)$/.exec(ContentRange ?? "")?.[1];
  return {
    sizeBytes: total === undefined ? ContentLength : Number(total),
    chunks: () => readBody(Body, wanted),
    async close() {
      Body.destroy();
    },
  };
}

async function* readBody(body: Readable, wanted: number): AsyncGenerator<Uint8Array> {
  const iterator = body.iterator({ destroyOnReturn: true });
  let left = wanted;
  try {
    while (left > 0) {
      const next: IteratorResult<Buffer> = await withinSilence(iterator.next());
      if (next.done) throw new Error("the body of an object was cut");
      const bytes = next.value.subarray(0, left);
      left -= bytes.byteLength;
      yield* toChunks(bytes);
    }
  } catch (error) {
    throw storeUnavailable(error);
  } finally {
    body.destroy();
  }
}

async function withinSilence<T>(next: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silent = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("the S3 server fell silent")), silenceMs);
  });
  try {
    return await Promise.race([next, silent]);
  } finally {
    clearTimeout(timer);
  }
}
