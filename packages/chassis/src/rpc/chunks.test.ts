import { expect, test } from "vitest";
import { AppError } from "../errors/app-error.ts";
import { collectChunks, maxChunkBytes, toChunks } from "./chunks.ts";

async function* stream(chunks: Iterable<Uint8Array>, onPull: () => void = () => undefined) {
  for (const chunk of chunks) {
    onPull();
    yield chunk;
  }
}

test.each([0, 1, maxChunkBytes, maxChunkBytes + 1, 3 * maxChunkBytes])(
  "%d bytes come back as they were",
  async (size) => {
    const bytes = Buffer.alloc(size, 7);
    const chunks = [...toChunks(bytes)];
    expect(chunks.every((chunk) => chunk.byteLength > 0 && chunk.byteLength <= maxChunkBytes)).toBe(true);
    expect(chunks.every((chunk) => chunk.buffer === bytes.buffer)).toBe(true);
    expect(await collectChunks(stream(chunks), size)).toEqual(bytes);
  },
);

test("stops at the limit without reading on", async () => {
  let pulled = 0;
  const chunks = Array.from({ length: 100 }, () => new Uint8Array(10));
  const error = await collectChunks(
    stream(chunks, () => void pulled++),
    25,
  ).catch(AppError.from);
  expect(error).toMatchObject({ reason: "FILE_TOO_LARGE" });
  expect(pulled).toBe(3);
});
