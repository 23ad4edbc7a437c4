import { tooLarge } from "../errors/errors.ts";

/** Largest chunk of bytes in one message. */
export const maxChunkBytes = 64 * 1024;

/** Cuts bytes into chunks of at most 64 KiB without copying. */
export function* toChunks(bytes: Uint8Array): Generator<Uint8Array> {
  for (let offset = 0; offset < bytes.byteLength; offset += maxChunkBytes) {
    yield bytes.subarray(offset, Math.min(offset + maxChunkBytes, bytes.byteLength));
  }
}

/**
 * Joins a stream of chunks.
 * @throws AppError RESOURCE_EXHAUSTED/FILE_TOO_LARGE as soon as the limit is passed.
 */
export async function collectChunks(chunks: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.byteLength;
    if (size > maxBytes) throw tooLarge("FILE_TOO_LARGE", `The file is larger than ${maxBytes} bytes.`);
    parts.push(chunk);
  }
  return Buffer.concat(parts, size);
}
