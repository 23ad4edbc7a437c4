import type { BackupSource } from "./backup-source.ts";
import { type BlobLine, blobColumns, fromRow, mergeLists } from "./blob-list.ts";
import type { Part } from "./format.ts";
import { readRows } from "./rows-file.ts";

/** The files that one list names, in the order in which they are stored. */
export async function* readBlobList(
  source: Pick<BackupSource, "openPart">,
  list: Part,
): AsyncGenerator<BlobLine> {
  for await (const page of readRows(source.openPart(list), list, blobColumns)) yield* page.map(fromRow);
}

/** The files of all lists together, sorted. @throws StartupError when a list is not. */
export function readBlobLines(source: Pick<BackupSource, "openPart" | "manifest">): AsyncGenerator<BlobLine> {
  return mergeLists(source.manifest.blobs.lists.map((list) => readBlobList(source, list)));
}
