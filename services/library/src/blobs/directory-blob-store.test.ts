import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError } from "@ocelli/chassis";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createDirectoryBlobStore } from "./directory-blob-store.ts";

const sha256 = "ab12".padEnd(64, "0");
const key = { sha256, kind: "original" } as const;
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "ocelli-blobs-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function prepared() {
  const blobs = createDirectoryBlobStore(directory);
  await blobs.prepare();
  return blobs;
}

describe("the directory blob store", () => {
  test("keeps bytes under their hash and gives them back in chunks", async () => {
    const blobs = await prepared();
    const pending = await blobs.createPending();
    const bytes = Buffer.alloc(150_000, "ocelli");
    await pending.write(bytes);
    expect(await blobs.has(key)).toBe(false);
    await pending.commit(key);
    await pending.discard();
    expect(await readdir(join(directory, "ab", "12"))).toEqual([sha256]);
    const blob = await blobs.open(key);
    const chunks: Uint8Array[] = [];
    for await (const chunk of blob?.chunks() ?? []) chunks.push(chunk);
    await blob?.close();
    expect(blob?.sizeBytes).toBe(150_000);
    expect(chunks.map((chunk) => chunk.byteLength)).toEqual([65_536, 65_536, 18_928]);
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
    expect(await readdir(join(directory, "tmp"))).toEqual([]);
  });

  test("says which setting is wrong when the directory cannot be used", async () => {
    await writeFile(join(directory, "file"), "x");
    const blobs = createDirectoryBlobStore(join(directory, "file"));
    await expect(blobs.prepare()).rejects.toThrow(ConfigError);
    await expect(blobs.prepare()).rejects.toThrow(/LIBRARY_DATA/);
  });
});
