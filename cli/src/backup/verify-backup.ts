import type { BackupSource } from "./backup-source.ts";
import { damaged, partsOf } from "./format.ts";
import { missingImages } from "./images.ts";
import { untilAborted } from "./interrupted.ts";
import { type OnDamaged, readBlob, toleratingDamage } from "./read-blob.ts";
import { readBlobList } from "./read-blob-lines.ts";
import { readRows } from "./rows-file.ts";

/** How {@link verifySource} looks at a backup. */
export interface VerifyOptions {
  /** Reads the files of images as well. */
  readBlobs: boolean;
  /** Without it a damaged file is as bad as anything else. */
  onDamaged?: OnDamaged;
  signal?: AbortSignal | undefined;
}

const refuse: OnDamaged = (_line, error) => {
  throw error;
};

/**
 * Reads a backup to its end and compares everything with its hash, counts what is counted, and looks for the original
 * of every image. Nothing is restored.
 * @throws StartupError naming the first thing that is wrong; damaged files of images are left to `onDamaged`.
 */
export async function verifySource(
  source: BackupSource,
  { readBlobs, onDamaged = refuse, signal }: VerifyOptions,
): Promise<void> {
  const { manifest } = source;
  const columnsOf = new Map(
    Object.values(manifest.stores).flatMap(({ tables }) =>
      Object.values(tables).map(({ part, columns }) => [part.file, columns.length] as const),
    ),
  );
  const names = new Set(partsOf(manifest).map(({ file }) => file));
  if (names.size < partsOf(manifest).length) throw damaged("its manifest names a part twice");
  for (const part of partsOf(manifest)) {
    const columns = columnsOf.get(part.file);
    if (columns === undefined) continue;
    const pages = readRows(source.openPart(part), part, columns);
    for await (const page of untilAborted(pages, signal)) void page;
  }
  await verifyBlobs(source, readBlobs, onDamaged, signal);
  let missing = 0;
  for await (const sha256 of missingImages(source, manifest.stores.library, manifest.blobs.lists)) {
    missing += 1;
    if (missing > manifest.blobs.lostCount) throw damaged(`the original ${sha256} is missing`);
  }
}

async function verifyBlobs(
  source: BackupSource,
  readAll: boolean,
  onDamaged: OnDamaged,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { blobs } = source.manifest;
  const reader = source.readBlobs();
  const found = { files: 0, bytes: 0 };
  for (const list of blobs.lists) {
    for await (const line of untilAborted(readBlobList(source, list), signal)) {
      found.files += 1;
      found.bytes += line.size;
      if (!readAll) continue;
      await toleratingDamage(line, onDamaged, async () => {
        for await (const chunk of readBlob(reader, line)) void chunk;
      });
    }
  }
  if (readAll) await reader.end();
  if (found.files !== blobs.files || found.bytes !== blobs.bytes)
    throw damaged("its lists name other files than its manifest counts");
}
