import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type BlobLine, blobFile, mergeListsLoosely } from "./blob-list.ts";
import { listSnapshots, openDirectorySource, snapshotsFolder } from "./directory-source.ts";
import { readBlobLines } from "./read-blob-lines.ts";
import { isUsable } from "./usable-snapshots.ts";

/** What {@link pruneSnapshots} removes, and what it leaves. */
export interface PruneOptions {
  keep: number;
  /** Name of the backup that was just made, which stays in any case. */
  fresh: string;
  warn: (line: string) => void;
}

/**
 * Removes all but the newest backups of a folder, and the blobs that no backup names any more. Nothing is removed while
 * one of those that stay is damaged: those before it may be the last good ones.
 */
export async function pruneSnapshots(root: string, { keep, fresh, warn }: PruneOptions): Promise<void> {
  const snapshots = await listSnapshots(root);
  const kept = snapshots.filter((name, at) => at >= snapshots.length - keep || name === fresh);
  const gone = snapshots.filter((name) => !kept.includes(name));
  if (gone.length === 0) return;
  for (const name of kept) {
    if (await isUsable(root, name, warn)) continue;
    warn("no older backup was removed");
    return;
  }
  for (const name of gone) await rm(join(root, snapshotsFolder, name), { recursive: true, force: true });
  await pruneBlobs(root, kept);
}

async function pruneBlobs(root: string, kept: readonly string[]): Promise<void> {
  const sources = await Promise.all(
    kept.map((name) => openDirectorySource(join(root, snapshotsFolder, name))),
  );
  try {
    // Lists and folders are in the same order, so one folder of names is all that memory holds.
    const wanted = byFolder(mergeListsLoosely(sources.map((source) => readBlobLines(source))));
    let next = await wanted.next();
    // A library without photos has no such folder.
    for (const folder of (await readdir(join(root, "blobs")).catch(() => [])).sort()) {
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
