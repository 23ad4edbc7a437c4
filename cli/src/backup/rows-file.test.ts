import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import type { Part } from "./format.ts";
import { type Row, readRows, writeRows } from "./rows-file.ts";

const folder = mkdtempSync(join(tmpdir(), "ocelli-rows-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let number = 0;

async function* pagesOf(...pages: Row[][]) {
  yield* pages;
}

async function written(rows: Row[]): Promise<{ part: Part; bytes: Buffer }> {
  const path = join(folder, `${number++}`);
  const part = await writeRows(
    path,
    "stores/library/photos.jsonl.gz",
    pagesOf(rows.slice(0, 2), [], rows.slice(2)),
  );
  expect(statSync(path).mode & 0o777).toBe(0o600);
  return { part, bytes: readFileSync(path) };
}

async function all(bytes: Buffer, part: Part, columns = 2): Promise<Row[]> {
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
  }
  const rows: Row[] = [];
  for await (const page of readRows(pieces(), part, columns)) rows.push(...page);
  return rows;
}

test("rows come back as they were, whatever is in them", async () => {
  const value = fc.option(fc.string({ unit: "binary" }), { nil: null });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(value, value), { maxLength: 20 }), async (rows) => {
      const { part, bytes } = await written(rows);
      expect(part.rows).toBe(rows.length);
      expect(await all(bytes, part)).toEqual(rows);
    }),
    { numRuns: 30 },
  );
});

describe("what is not what was written is refused", () => {
  const rows: Row[] = Array.from({ length: 50 }, (_, index) => [`id-${index}`, index % 3 ? null : "x\ny"]);

  test("cut off anywhere", async () => {
    const { part, bytes } = await written(rows);
    for (let length = 0; length < bytes.length; length += 5)
      await expect(all(bytes.subarray(0, length), part)).rejects.toThrow(/^the backup cannot be used: /);
  });

  test("a bit turned anywhere", async () => {
    const { part, bytes } = await written(rows);
    for (let at = 0; at < bytes.length; at += 3) {
      const turned = Buffer.from(bytes);
      turned[at] = (turned[at] ?? 0) ^ 16;
      await expect(all(turned, part)).rejects.toThrow(/^the backup cannot be used: /);
    }
  });

  test.each([
    ["more rows", '["a","b"]\n["c","d"]\n', /more rows/],
    ["a row of another width", '["a"]\n', /does not fit/],
    ["a value that is no text", '["a",1]\n', /does not fit/],
    ["an object", '{"a":"b"}\n', /does not fit/],
    ["no JSON", "drop table\n", /no JSON/],
    ["no end", '["a","b"]', /middle of a row/],
  ])("%s", async (_name, text, message) => {
    const bytes = gzipSync(text);
    const { part } = await written([["a", "b"]]);
    const fitting = { ...part, rows: 1, bytes: bytes.length, rawBytes: text.length };
    await expect(all(bytes, fitting)).rejects.toThrow(message);
  });

  test("a little that unpacks to a lot, without unpacking it", async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000, "a"));
    const { part } = await written([["a", "b"]]);
    const before = process.memoryUsage().rss;
    await expect(all(bomb, { ...part, bytes: bomb.length })).rejects.toThrow("unpacks to more than it held");
    const claimed = { ...part, bytes: bomb.length, rawBytes: 50_000_000 };
    await expect(all(bomb, claimed)).rejects.toThrow("row that is too long");
    expect(process.memoryUsage().rss - before).toBeLessThan(200_000_000);
  });
});
