import { createReadStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { BlobStore } from "@ocelli/library";
import { StartupError } from "../startup-error.ts";
import { openSource } from "./backup-source.ts";
import type { BackupTarget } from "./backup-target.ts";
import { copyImages } from "./copy-blobs.ts";
import { dumpStore, type WritePart } from "./dump-store.ts";
import {
  formatVersion,
  type Manifest,
  type Part,
  partsOf,
  type StoreBackup,
  type storeNames,
} from "./format.ts";
import { missingImages, readImages } from "./images.ts";
import { untilAborted } from "./interrupted.ts";
import { writeRows } from "./rows-file.ts";
import { openStores, type StoreUrls } from "./snapshots.ts";
import { verifySource } from "./verify-backup.ts";

/** What {@link createBackup} needs. */
export interface BackupOptions {
  stores: StoreUrls;
  blobs: BlobStore;
  target: BackupTarget;
  /** Version of Ocelli. */
  version: string;
  now: () => Date;
  /** Previews and thumbnails as well; without them they are made anew after a restore. */
  renditions: boolean;
  /** Reads every file back before the backup gets its name; else only what is not a file of an image. */
  readBack: boolean;
  /** Ends the backup between two files or pages of rows. */
  signal?: AbortSignal;
}

/** What was written. */
export interface BackupReport {
  /** Where the backup is. */
  path: string;
  manifest: Manifest;
  /** How long the snapshots were open; an embedded database does nothing else meanwhile. */
  snapshotMs: number;
}

/** Originals that went between the copying of files and the snapshot are looked for once more with a fresh snapshot. */
const mostSnapshots = 2;
const mostListed = 1_000;

/**
 * Writes a backup, whether the services run or not. Files are copied before the snapshots, what came meanwhile after
 * them: so nothing has to be held, and each picture that a snapshot names is in the backup.
 */
export async function createBackup(options: BackupOptions): Promise<BackupReport> {
  const { stores, target, signal } = options;
  const createdAt = options.now();
  const files = { files: 0, bytes: 0 };
  const onFile = ({ size }: { size: number }) => {
    files.files += 1;
    files.bytes += size;
  };
  const write: WritePart = async (file, pages) => {
    await mkdir(join(target.workFolder, file, ".."), { recursive: true, mode: 0o700 });
    return writeRows(join(target.workFolder, file), file, untilAborted(pages, signal));
  };
  const lists: Part[] = [];
  const source = { openPart: ({ file }: Part) => createReadStream(join(target.workFolder, file)) };
  const copy = async (images: AsyncIterable<string>) => {
    const lost: string[] = [];
    const pages = copyImages({ ...options, onFile, onLost: (sha256) => lost.push(sha256) }, images);
    lists.push(await write(`blobs-${lists.length + 1}.jsonl.gz`, pages));
    return lost;
  };
  await copy(readImages(stores.library));
  for (let attempt = 1; ; attempt += 1) {
    const { snapshotMs, ...taken } = await takeSnapshots(stores, write);
    const lost = await copy(missingImages(source, taken.stores.library, lists));
    if (lost.length > 0 && attempt < mostSnapshots) {
      await rm(join(target.workFolder, "stores"), { recursive: true });
      continue;
    }
    const images = taken.stores.library.tables.images?.part.rows ?? 0;
    if (images > 0 && lost.length === images)
      throw new StartupError(
        `not one original of the ${images} images can be read: do LIBRARY_DATA or BLOB_STORE name the library's store of photos?`,
      );
    const blobs = {
      ...files,
      renditions: options.renditions,
      lists,
      lost: lost.slice(0, mostListed),
      lostCount: lost.length,
    };
    const head = { format: "ocelli-backup", formatVersion, version: options.version } as const;
    const manifest: Manifest = { ...head, createdAt: createdAt.toISOString(), ...taken, blobs };
    for (const part of partsOf(manifest)) await target.addPart(part);
    const path = await target.finish(manifest, (unnamed) => check(unnamed, options));
    return { path, manifest, snapshotMs };
  }
}

async function takeSnapshots(urls: StoreUrls, write: WritePart) {
  const open = await openStores(urls, "read");
  const startedAt = performance.now();
  try {
    const dumped = new Map<string, StoreBackup>();
    for (const store of open.stores) dumped.set(store.name, await dumpStore(store, write));
    const found = (name: (typeof storeNames)[number]): StoreBackup => {
      const store = dumped.get(name);
      if (!store) throw new Error(`no snapshot of ${name} was taken`);
      return store;
    };
    const stores = {
      search: found("search"),
      captioning: found("captioning"),
      face: found("face"),
      scene: found("scene"),
      library: found("library"),
      auth: found("auth"),
    };
    const snapshot: Manifest["snapshot"] = open.isShared ? "shared" : "per-database";
    return { stores, snapshot, snapshotMs: performance.now() - startedAt };
  } finally {
    await open.rollback();
  }
}

async function check(path: string, { readBack, signal }: BackupOptions): Promise<void> {
  const source = await openSource(path);
  try {
    await verifySource(source, { readBlobs: readBack, signal });
  } finally {
    await source.close();
  }
}
