import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findHeifCodec } from "./heif-codec.ts";

let folder: string;
let sound: Buffer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ocelli-heif-"));
  sound = await readFile(new URL("../../../test/fixtures/picture.heic", import.meta.url));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The codec of the sound picture with another size in its `meta` box, and perhaps bytes behind the type. */
async function codecWith(size: number, behind: Buffer = Buffer.alloc(0)): Promise<string> {
  const at = sound.indexOf("meta", 0, "latin1") - 4;
  const file = Buffer.concat([sound.subarray(0, at + 8), behind, sound.subarray(at + 8)]);
  file.writeUInt32BE(size, at);
  const path = join(folder, "picture.heic");
  await writeFile(path, file);
  return findHeifCodec(path);
}

test("a box without a size goes on to the end of the file", async () => {
  expect(await codecWith(0)).toBe("hevc");
});

test("a box may have its size behind its type", async () => {
  const size = sound.readUInt32BE(sound.indexOf("meta", 0, "latin1") - 4);
  const long = Buffer.alloc(8);
  long.writeBigUInt64BE(BigInt(size + 8));
  expect(await codecWith(1, long)).toBe("hevc");
});

test.each([2, 7, 0x7fffffff, 0xffffffff])("a box of %i bytes by its word is passed over", async (size) => {
  expect(await codecWith(size)).toBe("other");
});

test.each([0n, 1n, 15n, 0xffffffffffffffffn])("a long box of %s bytes is passed over", async (size) => {
  const long = Buffer.alloc(8);
  long.writeBigUInt64BE(size);
  expect(await codecWith(1, long)).toBe("other");
});
