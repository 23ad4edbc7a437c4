import { createHash } from "node:crypto";
import type { BackupSource } from "./backup-source.ts";
import { blobFile } from "./blob-list.ts";
import { damaged, partsOf } from "./format.ts";
import { missingImages } from "./images.ts";
import { readBlobList } from "./read-blob-lines.ts";
import { readRows } from "./rows-file.ts";

/**
 * Reads a backup to its end and compares everything with its hash, counts what is counted, and looks for the original
 * of every image. Nothing is restored.
 * @throws StartupError naming the first thing that is wrong.
 */
export async function verifySource(
  source: BackupSource,
  { readBlobs }: { readBlobs: boolean },
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
    for await (const page of readRows(source.openPart(part), part, columns)) void page;
  }
  await verifyBlobs(source, readBlobs);
  let missing = 0;
  for await (const sha256 of missingImages(source, manifest.stores.library, manifest.blobs.lists)) {
    missing += 1;
    if (missing > manifest.blobs.lostCount) throw damaged(`the original ${sha256} is missing`);
  }
}

async function verifyBlobs(source: BackupSource, readAll: boolean): Promise<void> {
  const { blobs } = source.manifest;
  const reader = source.readBlobs();
  const found = { files: 0, bytes: 0 };
  for (const list of blobs.lists) {
    for await (const line of readBlobList(source, list)) {
      found.files += 1;
      found.bytes += line.size;
      if (!readAll) continue;
      const hash = createHash("sha256");
      for await (const chunk of await reader.next(line)) hash.update(chunk);
      if (hash.digest("hex") !== line.digest)
        throw damaged(`the file ${blobFile(line.key)} is not what it was`);
    }
  }
  if (readAll) await reader.end();
  if (found.files !== blobs.files || found.bytes !== blobs.bytes)
    throw damaged("its lists name other files than its manifest counts");
}
