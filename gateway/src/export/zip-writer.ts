import { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { ZipFile } from "yazl";

/** Writes a zip that is read while it is written; one entry at a time, and no faster than it is read. */
export interface ZipWriter {
  /** A small file. */
  addBytes(path: string, bytes: Buffer, at: Date): Promise<void>;
  /** Resolves when all of a file was taken. */
  addStream(path: string, chunks: AsyncIterable<Uint8Array>, sizeBytes: number, at: Date): Promise<void>;
  end(): void;
  /** The zip itself. */
  read(): AsyncGenerator<Uint8Array>;
  /** Breaks it off. */
  destroy(error: Error): void;
}

// Pictures are compressed already. Zip64 is used where it is needed.
const asItIs = { compress: false } as const;
// Zip knows local times from 1980 to 2107.
const [earliest, latest] = [Date.UTC(1980, 0, 2), Date.UTC(2107, 0, 1)];

/** Creates an empty zip. */
export function createZipWriter(): ZipWriter {
  const zip = new ZipFile();
  const output = zip.outputStream;
  // The library reports faults of entries here; whoever reads the zip is told.
  zip.on("error", (error: Error) => destroy(error));
  let current: Readable | undefined;
  // A zip that nobody reads any more takes nothing.
  output.once("close", () => current?.destroy(new Error("the zip is over")));
  function destroy(error: Error): void {
    if (output instanceof Readable) output.destroy(error);
  }

  async function addStream(
    path: string,
    chunks: AsyncIterable<Uint8Array>,
    size: number,
    at: Date,
  ): Promise<void> {
    const source = Readable.from(chunks, { objectMode: false });
    if (output instanceof Readable && output.destroyed) throw new Error("the zip is over");
    current = source;
    source.once("error", destroy);
    const taken = finished(source, { writable: false });
    zip.addReadStream(source, path, { ...asItIs, size, mtime: clamp(at) });
    try {
      await taken;
    } finally {
      current = undefined;
      source.destroy();
    }
  }

  return {
    addStream,
    addBytes: (path, bytes, at) => addStream(path, once(bytes), bytes.byteLength, at),
    end: () => zip.end(),
    async *read() {
      for await (const chunk of output) yield typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    },
    destroy,
  };
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  if (bytes.byteLength > 0) yield bytes;
}

function clamp(at: Date): Date {
  return new Date(Math.min(latest, Math.max(earliest, at.getTime())));
}
