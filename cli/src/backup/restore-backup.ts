import { createHash } from "node:crypto";
import type { BlobStore } from "@ocelli/library";
import { sql } from "kysely";
import type { BackupSource } from "./backup-source.ts";
import { counting } from "./backup-target.ts";
import { blobFile } from "./blob-list.ts";
import { damaged, storeNames } from "./format.ts";
import { assertEmpty, checkLevel, loadStore } from "./load-store.ts";
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
}

/**
 * Fills an empty system. Everything is checked before anything is touched; files go first, then the stores, each
 * database in one transaction.
 * @throws StartupError when the target is not empty or the backup does not fit; no store has changed then.
 */
export async function restoreBackup({ source, openTarget, drill }: RestoreOptions): Promise<void> {
  const { manifest } = source;
  for (const name of storeNames) await checkLevel(name, manifest.stores[name]);
  await verifySource(source, { readBlobs: true });
  const { stores: urls, blobs } = await openTarget();
  const looked = await openStores(urls, "read");
  try {
    for (const { name, trx } of looked.stores) await assertEmpty(trx, name);
  } finally {
    await looked.rollback();
  }
  await restoreBlobs(source, blobs);
  const open = await openStores(urls, "write");
  try {
    for (const { name, trx } of open.stores) {
      const read: Parameters<typeof loadStore>[0]["read"] = (part, columns) =>
        readRows(source.openPart(part), part, columns);
      await loadStore({ name, trx, backup: manifest.stores[name], read });
      if (drill && name === "library") await sql`update library.webhooks set enabled = false`.execute(trx);
    }
  } catch (error) {
    await open.rollback().catch(() => undefined);
    throw error;
  }
  await open.commit();
}

async function restoreBlobs(source: BackupSource, blobs: BlobStore): Promise<void> {
  const reader = source.readBlobs();
  for (const list of source.manifest.blobs.lists) {
    for await (const line of readBlobList(source, list)) {
      const pending = await blobs.createPending();
      try {
        const hash = createHash("sha256");
        const { through } = counting(hash);
        for await (const chunk of through(await reader.next(line))) await pending.write(chunk);
        // It was looked at before; what has changed since must not get in.
        if (hash.digest("hex") !== line.digest)
          throw damaged(`the file ${blobFile(line.key)} is not what it was`);
        await pending.commit(line.key);
      } finally {
        await pending.discard();
      }
    }
  }
}
