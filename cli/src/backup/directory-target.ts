import { createHash, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { BlobKey } from "@ocelli/library";
import { StartupError } from "../startup-error.ts";
import { type BackupTarget, type CopiedBlob, counting } from "./backup-target.ts";
import { type BlobLine, blobFile, orderOf } from "./blob-list.ts";
import { listSnapshots, openDirectorySource, snapshotsFolder } from "./directory-source.ts";
import { encodeManifest, manifestFile } from "./format.ts";
import { lockFolder } from "./lock-folder.ts";
import { pruneSnapshots } from "./prune-snapshots.ts";
import { readBlobLines } from "./read-blob-lines.ts";

/** Settings of {@link openDirectoryTarget}. */
export interface DirectoryTargetOptions {
  path: string;
  now: Date;
  /** How many backups are left in the folder; all when absent. */
  keep: number | undefined;
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
}: DirectoryTargetOptions): Promise<BackupTarget> {
  const root = resolve(path);
  await mkdir(join(root, snapshotsFolder), { recursive: true, mode: 0o700 });
  const foreign = (await readdir(root)).filter((name) => !["snapshots", "blobs", "lock"].includes(name));
  if (foreign.length > 0) throw new StartupError(`${root} holds something else than backups (${foreign[0]})`);
  const unlock = await lockFolder(root);
  const name = await freeName(root, now);
  const workFolder = join(root, snapshotsFolder, `.${name}`);
  let isDone = false;
  try {
    await removeUnfinished(root);
    await mkdir(workFolder, { mode: 0o700 });
  } catch (error) {
    await unlock();
    throw error;
  }
  return {
    workFolder,
    earlier: () => findEarlier(root),
    addBlob: (key, blob, isRight) => addBlob(root, workFolder, key, blob, isRight),
    addPart: async () => undefined,
    async finish(manifest, check) {
      await writeFile(join(workFolder, manifestFile), encodeManifest(manifest), { flag: "wx", mode: 0o600 });
      await check(workFolder);
      const place = join(root, snapshotsFolder, name);
      await rename(workFolder, place);
      isDone = true;
      await syncFolder(join(root, snapshotsFolder));
      if (keep !== undefined) await pruneSnapshots(root, keep);
      return place;
    },
    async discard() {
      if (!isDone) await rm(workFolder, { recursive: true, force: true });
      await unlock();
    },
  };
}

async function freeName(root: string, now: Date): Promise<string> {
  const name = now
    .toISOString()
    .replace(/\.\d+Z$/, "")
    .replaceAll(":", "-");
  for (let number = 1; ; number += 1) {
    const candidate = `${name}${number === 1 ? "" : `-${number}`}Z`;
    if (!existsSync(join(root, snapshotsFolder, candidate))) return candidate;
  }
}

/** What a backup that was killed left; its blobs stay, and are of use. */
async function removeUnfinished(root: string): Promise<void> {
  for (const name of await readdir(join(root, snapshotsFolder))) {
    if (name.startsWith(".")) await rm(join(root, snapshotsFolder, name), { recursive: true, force: true });
  }
}

/** Looks into the newest backup, which is sorted as the question are: both are gone through once. */
function findEarlier(root: string): (key: BlobKey) => Promise<BlobLine | undefined> {
  const lines = earlierLines(root);
  let line: BlobLine | undefined;
  return async (key) => {
    while (line === undefined || orderOf(line.key) < orderOf(key)) {
      const next = await lines.next();
      if (next.done) return undefined;
      line = next.value;
    }
    if (orderOf(line.key) !== orderOf(key)) return undefined;
    const found = await stat(join(root, blobFile(key))).catch(() => undefined);
    return found?.isFile() && found.size === line.size ? line : undefined;
  };
}

async function* earlierLines(root: string): AsyncGenerator<BlobLine> {
  if ((await listSnapshots(root)).length === 0) return;
  const source = await openDirectorySource(root);
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
  await mkdir(dirname(place), { recursive: true, mode: 0o700 });
  await rename(fresh, place);
  return copied;
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
