import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { damaged, type Part } from "./format.ts";

/** Values of one row as Postgres writes them as text. */
export type Row = readonly (string | null)[];

/** Longer than any row of ours: the largest values are events of half a megabyte. */
const maxLineBytes = 32 * 1024 * 1024;
/** Rows are handed on in pages of about so many bytes. */
const pageBytes = 1024 * 1024;
const pageRows = 1_000;

/** Writes rows as gzipped lines of JSON arrays to a new file that only its owner may read; it is on the disk then. */
export async function writeRows(
  path: string,
  file: string,
  pages: AsyncIterable<readonly Row[]>,
): Promise<Part> {
  const hash = createHash("sha256");
  const part = { file, rows: 0, bytes: 0, rawBytes: 0 };
  async function* lines() {
    for await (const page of pages) {
      if (page.length === 0) continue;
      part.rows += page.length;
      const text = Buffer.from(`${page.map((row) => JSON.stringify(row)).join("\n")}\n`);
      part.rawBytes += text.byteLength;
      yield text;
    }
  }
  async function* hashed(chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      hash.update(chunk);
      part.bytes += chunk.byteLength;
      yield chunk;
    }
  }
  // Most of what takes room here (hashes, vectors, pictures) hardly packs: the fastest level does as well as any.
  await pipeline(
    lines,
    createGzip({ level: 1 }),
    hashed,
    createWriteStream(path, { flags: "wx", mode: 0o600, flush: true }),
  );
  return { ...part, sha256: hash.digest("hex") };
}

/**
 * Reads rows back, page by page; however large the file is, a page is all that memory holds.
 * @throws StartupError at the latest after the last page, when anything differs from what the manifest says.
 */
export async function* readRows(
  chunks: AsyncIterable<Uint8Array>,
  part: Part,
  columns: number,
): AsyncGenerator<Row[]> {
  const hash = createHash("sha256");
  const counted = { rows: 0, bytes: 0, rawBytes: 0 };
  async function* hashed() {
    for await (const chunk of chunks) {
      hash.update(chunk);
      counted.bytes += chunk.byteLength;
      if (counted.bytes > part.bytes) throw damaged(`${part.file} is longer than it was`);
      yield chunk;
    }
  }
  let page: Row[] = [];
  let size = 0;
  for await (const line of splitLines(unpacked(hashed(), part.file), part)) {
    counted.rows += 1;
    counted.rawBytes += line.byteLength + 1;
    if (counted.rows > part.rows) throw damaged(`${part.file} has more rows than it had`);
    page.push(parseRow(line, part.file, columns));
    size += line.byteLength;
    if (size < pageBytes && page.length < pageRows) continue;
    yield page;
    page = [];
    size = 0;
  }
  if (page.length > 0) yield page;
  const same =
    counted.rows === part.rows && counted.bytes === part.bytes && counted.rawBytes === part.rawBytes;
  if (!same || hash.digest("hex") !== part.sha256) throw damaged(`${part.file} is not what it was`);
}

async function* unpacked(chunks: AsyncIterable<Uint8Array>, file: string): AsyncGenerator<Buffer> {
  const gunzip = createGunzip();
  let failure: unknown;
  const fed = pipeline(chunks, gunzip).catch((error: unknown) => {
    failure = error;
  });
  try {
    yield* gunzip;
  } catch (error) {
    await fed;
    failure ??= error;
  } finally {
    gunzip.destroy();
  }
  if (failure === undefined) return;
  const isOfGzip = failure instanceof Error && "code" in failure && String(failure.code).startsWith("Z_");
  throw isOfGzip ? damaged(`${file} cannot be unpacked`) : failure;
}

async function* splitLines(chunks: AsyncIterable<Buffer>, part: Part): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let held = 0;
  let raw = 0;
  for await (const chunk of chunks) {
    raw += chunk.byteLength;
    if (raw > part.rawBytes) throw damaged(`${part.file} unpacks to more than it held`);
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      pieces.push(chunk.subarray(from, end));
      yield pieces.length === 1 ? (pieces[0] ?? chunk) : Buffer.concat(pieces);
      pieces = [];
      held = 0;
      from = end + 1;
    }
    if (from < chunk.byteLength) pieces.push(chunk.subarray(from));
    held += chunk.byteLength - from;
    if (held > maxLineBytes) throw damaged(`${part.file} has a row that is too long`);
  }
  if (held > 0) throw damaged(`${part.file} ends in the middle of a row`);
}

function parseRow(line: Buffer, file: string, columns: number): Row {
  let row: unknown;
  try {
    row = JSON.parse(line.toString("utf8"));
  } catch {
    throw damaged(`${file} has a row that is no JSON`);
  }
  const isRow = (value: unknown): value is (string | null)[] =>
    Array.isArray(value) &&
    value.length === columns &&
    value.every((each) => each === null || typeof each === "string");
  if (!isRow(row)) throw damaged(`${file} has a row that does not fit its columns`);
  return row;
}
