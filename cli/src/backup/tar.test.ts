import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { extract, pack } from "tar-stream";
import { afterAll, describe, expect, test } from "vitest";
import { readContent, readEntries } from "./tar-reader.ts";
import { TarWriter } from "./tar-writer.ts";

const folder = mkdtempSync(join(tmpdir(), "ocelli-tar-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string) => join(folder, name);
const contents: Record<string, Buffer> = {
  empty: Buffer.alloc(0),
  "a/b": Buffer.from("content"),
  "one-block": Buffer.alloc(512, 1),
  ["long/".padEnd(100, "x")]: Buffer.alloc(200_000, "y"),
};

async function* once(bytes: Uint8Array) {
  yield bytes;
}

/** Streams of tar-stream do not say of what they are. */
async function whole(chunks: AsyncIterable<unknown>): Promise<Buffer> {
  const found: Uint8Array[] = [];
  for await (const chunk of chunks) if (chunk instanceof Uint8Array) found.push(chunk);
  return Buffer.concat(found);
}

async function write(name: string): Promise<string> {
  const tar = await TarWriter.create(path(name));
  for (const [entry, bytes] of Object.entries(contents)) await tar.add(entry, bytes.length, once(bytes));
  await tar.finish();
  return path(name);
}

async function read(file: string): Promise<Record<string, Buffer>> {
  const handle = await open(file);
  try {
    const found: Record<string, Buffer> = {};
    for await (const entry of readEntries(handle)) {
      const chunks: Buffer[] = [];
      for await (const chunk of readContent(handle, entry)) chunks.push(chunk);
      found[entry.name] = Buffer.concat(chunks);
    }
    return found;
  } finally {
    await handle.close();
  }
}

test("what was written is read, by us and by others", async () => {
  const file = await write("good.tar");
  expect(await read(file)).toEqual(contents);
  expect(execFileSync("tar", ["-tf", file]).toString().trim().split("\n")).toEqual(Object.keys(contents));
  const others: Record<string, Buffer> = {};
  const extracting = extract();
  extracting.end(readFileSync(file));
  for await (const entry of extracting) {
    others[entry.header.name] = await whole(entry);
  }
  expect(others).toEqual(contents);
});

test("an entry that turned out wrong is taken back", async () => {
  const tar = await TarWriter.create(path("rewound.tar"));
  await tar.add("a", 1, once(Buffer.from("a")));
  const { position } = tar;
  await expect(tar.add("b", 3, once(Buffer.from("b")))).rejects.toThrow("shorter");
  await tar.rewind(position);
  await expect(tar.add("b", 1, once(Buffer.from("bb")))).rejects.toThrow("longer");
  await tar.rewind(position);
  await tar.add("c", 1, once(Buffer.from("c")));
  await tar.finish();
  expect(await read(path("rewound.tar"))).toEqual({ a: Buffer.from("a"), c: Buffer.from("c") });
});

describe("is refused", () => {
  test("an archive that was cut off, wherever", async () => {
    const { length } = readFileSync(await write("cut.tar"));
    for (const end of [
      length - 1,
      length - 512,
      length - 1024,
      length - 1025,
      100_000,
      1024,
      513,
      512,
      100,
      0,
    ]) {
      truncateSync(path("cut.tar"), end);
      await expect(read(path("cut.tar"))).rejects.toThrow(/^the backup cannot be used: /);
    }
  });

  test("whatever is no plain file", async () => {
    const kinds = [
      { name: "link", type: "symlink", linkname: "/etc/passwd" },
      { name: "link", type: "link", linkname: "/etc/passwd" },
      { name: "folder", type: "directory" },
      { name: "device", type: "character-device" },
      { name: "pipe", type: "fifo" },
      { name: "x".repeat(300), type: "file" },
      { name: "päx", type: "file" },
    ] as const;
    for (const [index, header] of kinds.entries()) {
      const packed = pack();
      if (header.type === "file") packed.entry(header, "x");
      else packed.entry(header);
      packed.finalize();
      writeFileSync(path(`kind-${index}.tar`), await whole(packed));
      await expect(read(path(`kind-${index}.tar`)), header.type).rejects.toThrow(
        /^the backup cannot be used: /,
      );
    }
  });

  test("a header that claims more than there is, before anything of it is read", async () => {
    const tar = await TarWriter.create(path("claims.tar"));
    await expect(tar.add("huge", 2 ** 40, once(Buffer.from("x")))).rejects.toThrow("shorter");
    await tar.finish();
    await expect(read(path("claims.tar"))).rejects.toThrow("cut off");
  });

  test("what follows the end", async () => {
    const file = await write("more.tar");
    writeFileSync(file, Buffer.concat([readFileSync(file), Buffer.alloc(512)]));
    await expect(read(file)).rejects.toThrow("something follows");
  });
});
