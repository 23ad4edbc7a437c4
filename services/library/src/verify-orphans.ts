import type { Database } from "@ocelli/chassis";
import type { BlobStore, StoredBlob } from "./blobs/blob-store.ts";
import type { LooseBlobs } from "./loose-blobs.ts";
import { announceBlobs } from "./store/loose-blobs.ts";
import type { LibraryTables } from "./store/tables.ts";
import { findImages } from "./store/verify.ts";
import type { VerifyFindings } from "./verify-findings.ts";

/** What the search for orphans stands on. */
export interface VerifyOrphansOptions {
  database: Database<LibraryTables>;
  blobs: BlobStore;
  loose: LooseBlobs;
  findings: VerifyFindings;
  repair: boolean;
  signal: AbortSignal;
  now: () => Date;
}

/** Younger files may belong to an upload that is just being stored. */
const leastAgeMs = 60 * 60_000;
const filesAtOnce = 1_000;

/** Looks for files that belong to no image. @returns how many files there are in all. */
export async function verifyOrphans(options: VerifyOrphansOptions): Promise<number> {
  let files = 0;
  let batch: StoredBlob[] = [];
  for await (const blob of options.blobs.list()) {
    options.signal.throwIfAborted();
    files += 1;
    // The files of one original stay together.
    if (batch.length >= filesAtOnce && batch.at(-1)?.key.sha256 !== blob.key.sha256) {
      await verifyFiles(options, batch);
      batch = [];
    }
    batch.push(blob);
  }
  await verifyFiles(options, batch);
  return files;
}

async function verifyFiles(options: VerifyOrphansOptions, files: readonly StoredBlob[]): Promise<void> {
  const { database, findings } = options;
  const hashes = [...new Set(files.map(({ key }) => key.sha256))];
  const known = await findImages(database.db, hashes);
  const oldest = options.now().getTime() - leastAgeMs;
  for (const sha256 of hashes) {
    if (known.has(sha256)) continue;
    const own = files.filter(({ key }) => key.sha256 === sha256);
    if (own.some(({ modifiedAt }) => modifiedAt.getTime() > oldest)) continue;
    const bytes = own.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    if (options.repair) await remove(options, sha256);
    findings.add({
      kind: "orphan-files",
      sha256,
      detail: `${own.map(({ key }) => key.kind).join(", ")}; ${bytes} bytes`,
      isRepaired: options.repair,
    });
  }
}

/** As after an upload that failed: under the lock of these bytes, unless they are somebody's by now. */
async function remove({ database: { db }, loose }: VerifyOrphansOptions, sha256: string): Promise<void> {
  await announceBlobs(db, sha256);
  await loose.remove([sha256]);
}
