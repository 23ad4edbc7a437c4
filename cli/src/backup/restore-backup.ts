import type { BlobStore } from "@ocelli/library";
import { sql } from "kysely";
import type { BackupSource } from "./backup-source.ts";
import { DamagedFiles } from "./damaged-files.ts";
import { storeNames } from "./format.ts";
import { untilAborted } from "./interrupted.ts";
import { assertEmpty, checkLevel, loadStore } from "./load-store.ts";
import { type OnDamaged, readBlob, toleratingDamage } from "./read-blob.ts";
import { readBlobList } from "./read-blob-lines.ts";
import { readRows } from "./rows-file.ts";
import { openStores, type StoreUrls } from "./snapshots.ts";
import { verifySource } from "./verify-backup.ts";

/** What {@link restoreBackup} needs. */
export interface RestoreOptions {
  source: BackupSource;
  /** Opens what is to be filled; called once the backup is known to be good. */
  openTarget(): Promise<{ stores: StoreUrls; blobs: BlobStore }>;
  /** Switches webhooks off, so that a system that is a copy tells nobody anything. */
  drill: boolean;
  /** Restores what there is when originals are missing or damaged in the backup. */
  allowDamaged?: boolean;
  /** Ends the restore between two files or pages of rows; no store has changed then. */
  signal?: AbortSignal;
}

/**
 * Fills an empty system. Everything is checked before anything is touched; files go first, then the stores, each
 * database in one transaction. Previews and thumbnails that are missing or damaged are left out: the library makes them
 * again when they are first asked for.
 * @returns the files that were left out.
 * @throws StartupError when the target is not empty or the backup does not fit; no store has changed then.
 */
export async function restoreBackup(options: RestoreOptions): Promise<DamagedFiles> {
  const { source, openTarget, drill, allowDamaged = false, signal } = options;
  const { manifest } = source;
  const left = new DamagedFiles();
  const onDamaged = allowDamaged ? left.note : left.noteRenditions;
  for (const name of storeNames) await checkLevel(name, manifest.stores[name]);
  await verifySource(source, { readBlobs: true, onDamaged, signal });
  const { stores: urls, blobs } = await openTarget();
  const looked = await openStores(urls, "read");
  try {
    for (const { name, trx } of looked.stores) await assertEmpty(trx, name);
  } finally {
    await looked.rollback();
  }
  await restoreBlobs(source, blobs, onDamaged, signal);
  const open = await openStores(urls, "write");
  try {
    for (const { name, trx } of open.stores) {
      const read: Parameters<typeof loadStore>[0]["read"] = (part, columns) =>
        untilAborted(readRows(source.openPart(part), part, columns), signal);
      await loadStore({ name, trx, backup: manifest.stores[name], read });
      if (drill && name === "library") await sql`update library.webhooks set enabled = false`.execute(trx);
    }
  } catch (error) {
    await open.rollback().catch(() => undefined);
    throw error;
  }
  await open.commit();
  return left;
}

async function restoreBlobs(
  source: BackupSource,
  blobs: BlobStore,
  onDamaged: OnDamaged,
  signal: AbortSignal | undefined,
): Promise<void> {
  const reader = source.readBlobs();
  for (const list of source.manifest.blobs.lists) {
    for await (const line of untilAborted(readBlobList(source, list), signal))
      await toleratingDamage(line, onDamaged, async () => {
        const pending = await blobs.createPending();
        try {
          // It was looked at before; what has changed since must not get in.
          for await (const chunk of readBlob(reader, line)) await pending.write(chunk);
          await pending.commit(line.key);
        } finally {
          await pending.discard();
        }
      });
  }
}
