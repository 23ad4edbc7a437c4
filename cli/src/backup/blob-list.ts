import type { BlobKey } from "@ocelli/library";
import { damaged } from "./format.ts";
import type { Row } from "./rows-file.ts";

/** A stored file as the lists of a backup name it. */
export interface BlobLine {
  key: BlobKey;
  size: number;
  /** SHA-256 of the file itself; of an original that is its key. */
  digest: string;
}

/** Kinds in the order in which the files of an image are stored. */
export const blobKinds = ["original", "preview", "thumbnail"] as const;

/** Columns of a list. */
export const blobColumns = 4;

/** A line as a row. */
export function toRow({ key, size, digest }: BlobLine): Row {
  return [key.sha256, key.kind, String(size), digest];
}

/** @throws StartupError for a row that names no blob. */
export function fromRow([sha256, kind, size, digest]: Row): BlobLine {
  const known = blobKinds.find((each) => each === kind);
  const isDigest = (text: string | null | undefined) => /^[0-9a-f]{64}$/.test(text ?? "");
  if (!known || !isDigest(sha256) || !isDigest(digest) || !/^\d{1,15}$/.test(size ?? ""))
    throw damaged("a list of files names something that is none");
  if (known === "original" && sha256 !== digest) throw damaged("an original has another hash than its name");
  return { key: { sha256: sha256 ?? "", kind: known }, size: Number(size), digest: digest ?? "" };
}

/** Place of a line in the order of a list. */
export function orderOf({ sha256, kind }: BlobKey): string {
  return `${sha256}${blobKinds.indexOf(kind)}`;
}

/** Name of a blob's file in a backup. */
export function blobFile({ sha256, kind }: BlobKey): string {
  return `blobs/${sha256.slice(0, 2)}/${sha256}${kind === "original" ? "" : `.${kind}`}`;
}

/** One sorted sequence out of several. @throws StartupError when one is not sorted, or two have the same line. */
export async function* mergeLists(lists: readonly AsyncIterable<BlobLine>[]): AsyncGenerator<BlobLine> {
  let last = "";
  for await (const line of mergeListsLoosely(lists)) {
    if (orderOf(line.key) <= last) throw damaged("a list of files is not in order");
    last = orderOf(line.key);
    yield line;
  }
}

/** {@link mergeLists} of lists that may have lines in common, which come once for each. */
export async function* mergeListsLoosely(
  lists: readonly AsyncIterable<BlobLine>[],
): AsyncGenerator<BlobLine> {
  const heads: { iterator: AsyncIterator<BlobLine>; line: BlobLine }[] = [];
  for (const list of lists) {
    const iterator = list[Symbol.asyncIterator]();
    const first = await iterator.next();
    if (!first.done) heads.push({ iterator, line: first.value });
  }
  for (;;) {
    const [first, ...others] = heads;
    if (!first) return;
    const least = others.reduce((a, b) => (orderOf(a.line.key) <= orderOf(b.line.key) ? a : b), first);
    yield least.line;
    const next = await least.iterator.next();
    if (next.done) heads.splice(heads.indexOf(least), 1);
    else least.line = next.value;
  }
}
