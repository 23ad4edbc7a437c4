import { openDatabase } from "@ocelli/chassis";
import { sql } from "kysely";
import type { BackupSource } from "./backup-source.ts";
import { type BlobLine, mergeLists } from "./blob-list.ts";
import { damaged, type Part, type StoreBackup } from "./format.ts";
import { readBlobList } from "./read-blob-lines.ts";
import { readRows } from "./rows-file.ts";

const pageRows = 500;

/** SHA-256 of all images that the library has now, in order. Each page is a query of its own, which holds up nobody. */
export async function* readImages(url: string): AsyncGenerator<string> {
  const { db, close } = openDatabase<unknown>({ url, schema: "library", maxConnections: 1 });
  try {
    for (let after = ""; ; ) {
      const { rows } = await sql<{ sha256: string }>`
        select sha256 from library.images where sha256 > ${after} order by sha256 limit ${pageRows}`.execute(
        db,
      );
      yield* rows.map(({ sha256 }) => sha256);
      const last = rows.at(-1);
      if (!last) return;
      after = last.sha256;
    }
  } finally {
    await close();
  }
}

/** SHA-256 of the images in a backup of the library, in order. */
export async function* imagesOf(
  source: Pick<BackupSource, "openPart">,
  library: StoreBackup,
): AsyncGenerator<string> {
  const images = library.tables.images;
  const column = images?.columns.findIndex(({ name }) => name === "sha256") ?? -1;
  if (!images || column < 0) throw damaged("it has no images");
  let last = "";
  for await (const page of readRows(source.openPart(images.part), images.part, images.columns.length)) {
    for (const row of page) {
      const sha256 = row[column] ?? "";
      if (sha256 <= last) throw damaged("its images are not in order");
      last = sha256;
      yield sha256;
    }
  }
}

/** Images of a backup whose originals no list of files names, in order. */
export async function* missingImages(
  source: Pick<BackupSource, "openPart">,
  library: StoreBackup,
  lists: readonly Part[],
): AsyncGenerator<string> {
  const lines = originals(mergeLists(lists.map((list) => readBlobList(source, list))));
  let line = await lines.next();
  for await (const sha256 of imagesOf(source, library)) {
    while (!line.done && line.value < sha256) line = await lines.next();
    if (line.done || line.value !== sha256) yield sha256;
  }
  // To the end, where what was read is compared with its hash.
  while (!line.done) line = await lines.next();
}

async function* originals(lines: AsyncIterable<BlobLine>): AsyncGenerator<string> {
  for await (const { key } of lines) if (key.kind === "original") yield key.sha256;
}
