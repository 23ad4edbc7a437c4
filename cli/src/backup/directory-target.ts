import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, mkdir, open, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { BlobKey } from "@ocelli/library";
import { StartupError } from "../startup-error.ts";
import { type BackupTarget, type CopiedBlob, counting } from "./backup-target.ts";
import { type BlobLine, blobFile, orderOf } from "./blob-list.ts";
import {
  listSnapshots,
  openDirectorySource,
  snapshotsFolder,
  splitSnapshotName,
} from "./directory-source.ts";
import { encodeManifest, manifestFile } from "./format.ts";
import { lockFolder } from "./lock-folder.ts";
import { pruneSnapshots } from "./prune-snapshots.ts";
import { readBlobLines } from "./read-blob-lines.ts";
import { syncFolder, syncFolders } from "./sync-folders.ts";
import { newestUsable } from "./usable-snapshots.ts";

/** Settings of {@link openDirectoryTarget}. */
export interface DirectoryTargetOptions {
  path: string;
  now: Date;
  /** How many backups are left in the folder; all when absent. */
  keep: number | undefined;
  /** Told of earlier backups that are damaged, in one line each. */
  warn: (line: string) => void;
}

/**
 * A folder of backups that share their blobs: what an earlier one has copied, also one that was broken off, is not
 * copied again.
 * @throws StartupError when the folder holds something else, or another backup is being written.
 */
export async function openDirectoryTarget({
  path,
  now,
  keep,
  warn,
}: DirectoryTargetOptions): Promise<BackupTarget> {
  const root = resolve(path);
  await mkdir(join(root, snapshotsFolder), { recursive: true, mode: 0o700 });
  const foreign = (await readdir(root)).filter((name) => !/^(?:snapshots|blobs|lock(?:\.\d+)?)$/.test(name));
  if (foreign.length > 0) throw new StartupError(`${root} holds something else than backups (${foreign[0]})`);
  const unlock = await lockFolder(root);
  const begin = async () => {
    const name = freeName(await listSnapshots(root), now);
    const workFolder = join(root, snapshotsFolder, `.${name}`);
    await removeUnfinished(root);
    await mkdir(workFolder, { mode: 0o700 });
    return { name, workFolder, newest: await newestUsable(root, warn) };
  };
  const { name, workFolder, newest } = await begin().catch(async (error: unknown) => {
    await unlock();
    throw error;
  });
  let isDone = false;
  return {
    workFolder,
    earlier: () => findEarlier(root, newest),
    addBlob: (key, blob, isRight) => addBlob(root, workFolder, key, blob, isRight),
    addPart: async () => undefined,
    async finish(manifest, check) {
      await writeFile(join(workFolder, manifestFile), encodeManifest(manifest), {
        flag: "wx",
        mode: 0o600,
        flush: true,
      });
      await check(workFolder);
      // Older backups may be removed next: by then this one must survive a power cut.
      for (const folder of [workFolder, join(root, "blobs")]) await syncFolders(folder);
      await syncFolder(root);
      const place = join(root, snapshotsFolder, name);
      await rename(workFolder, place);
      isDone = true;
      await syncFolder(join(root, snapshotsFolder));
      if (keep !== undefined) await pruneSnapshots(root, { keep, fresh: name, warn });
      return place;
    },
    async discard() {
      if (!isDone) await rm(workFolder, { recursive: true, force: true });
      await unlock();
    },
  };
}

/** The time, or what comes after the last name when the clock went back: the order of names is that of backups. */
function freeName(snapshots: readonly string[], now: Date): string {
  const second = now
    .toISOString()
    .replace(/\.\d+Z$/, "")
    .replaceAll(":", "-");
  const last = splitSnapshotName(snapshots.at(-1) ?? "");
  if (second > last.second) return `${second}Z`;
  return `${last.second}-${String(last.number + 1).padStart(3, "0")}Z`;
}

/** What a backup that was killed left; its blobs stay, and are of use. */
async function removeUnfinished(root: string): Promise<void> {
  for (const name of await readdir(join(root, snapshotsFolder))) {
    if (name.startsWith(".")) await rm(join(root, snapshotsFolder, name), { recursive: true, force: true });
  }
}

/** Looks into the newest backup, which is sorted as the question are: both are gone through once. */
function findEarlier(
  root: string,
  newest: string | undefined,
): (key: BlobKey) => Promise<BlobLine | undefined> {
  const lines = earlierLines(root, newest);
  let line: BlobLine | undefined;
  return async (key) => {
    while (line === undefined || orderOf(line.key) < orderOf(key)) {
      const next = await lines.next();
      if (next.done) return undefined;
      line = next.value;
    }
    if (orderOf(line.key) !== orderOf(key)) return undefined;
    const place = join(root, blobFile(key));
    const found = await lstat(place).catch(() => undefined);
    if (found?.isFile() && found.size === line.size) return line;
    // What is not what any backup says would else be taken for what they share.
    if (found && key.kind !== "original") await rm(place);
    return undefined;
  };
}

async function* earlierLines(root: string, newest: string | undefined): AsyncGenerator<BlobLine> {
  if (newest === undefined) return;
  const source = await openDirectorySource(join(root, snapshotsFolder, newest));
  try {
    yield* readBlobLines(source);
  } finally {
    await source.close();
  }
}

async function addBlob(
  root: string,
  workFolder: string,
  key: BlobKey,
  blob: { size: number; chunks: AsyncIterable<Uint8Array> },
  isRight: (copied: CopiedBlob) => boolean,
): Promise<CopiedBlob | undefined> {
  const place = join(root, blobFile(key));
  const fresh = join(workFolder, randomUUID());
  const hash = createHash("sha256");
  const { counted, through } = counting(hash);
  const file = await open(fresh, "wx", 0o600);
  try {
    for await (const chunk of through(blob.chunks)) await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
  const copied = { size: counted.size, digest: hash.digest("hex") };
  if (!isRight(copied)) {
    await rm(fresh);
    return undefined;
  }
  const kept = await readExisting(place);
  // Renditions are made anew now and then and come out different; older backups name the one that is here.
  if (kept && isRight(kept)) {
    await rm(fresh);
    return kept;
  }
  await mkdir(dirname(place), { recursive: true, mode: 0o700 });
  await rename(fresh, place);
  return copied;
}

/** Size and hash of a file that an earlier backup, finished or not, has left in a place. */
async function readExisting(place: string): Promise<CopiedBlob | undefined> {
  const found = await lstat(place).catch(() => undefined);
  if (!found?.isFile()) return undefined;
  const hash = createHash("sha256");
  try {
    const { counted, through } = counting(hash);
    for await (const chunk of through(createReadStream(place))) void chunk;
    return { size: counted.size, digest: hash.digest("hex") };
  } catch {
    // What cannot be read is replaced.
    return undefined;
  }
}
