import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type BlobLine, blobFile, mergeListsLoosely } from "./blob-list.ts";
import { listSnapshots, openDirectorySource, snapshotsFolder } from "./directory-source.ts";
import { readBlobLines } from "./read-blob-lines.ts";

/** Removes all but the newest backups of a folder, and the blobs that no backup names any more. */
export async function pruneSnapshots(root: string, keep: number): Promise<void> {
  const snapshots = await listSnapshots(root);
  const gone = snapshots.slice(0, Math.max(0, snapshots.length - keep));
  if (gone.length === 0) return;
  for (const name of gone) await rm(join(root, snapshotsFolder, name), { recursive: true, force: true });
  const sources = await Promise.all(
    snapshots.slice(-keep).map((name) => openDirectorySource(join(root, snapshotsFolder, name))),
  );
  try {
    // Lists and folders are in the same order, so one folder of names is all that memory holds.
    const wanted = byFolder(mergeListsLoosely(sources.map((source) => readBlobLines(source))));
    let next = await wanted.next();
    for (const folder of (await readdir(join(root, "blobs"))).sort()) {
      while (!next.done && next.value.folder < folder) next = await wanted.next();
      const names = !next.done && next.value.folder === folder ? next.value.names : new Set<string>();
      for (const name of await readdir(join(root, "blobs", folder)))
        if (!names.has(name)) await rm(join(root, "blobs", folder, name), { force: true });
    }
  } finally {
    for (const source of sources) await source.close();
  }
}

/** Names of files by folder, a folder at a time. */
async function* byFolder(
  lines: AsyncIterable<BlobLine>,
): AsyncGenerator<{ folder: string; names: Set<string> }> {
  let current: { folder: string; names: Set<string> } | undefined;
  for await (const { key } of lines) {
    const [, folder = "", name = ""] = blobFile(key).split("/");
    if (current && current.folder !== folder) {
      yield current;
      current = undefined;
    }
    current ??= { folder, names: new Set() };
    current.names.add(name);
  }
  if (current) yield current;
}
