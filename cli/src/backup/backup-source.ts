import { stat } from "node:fs/promises";
import { StartupError } from "../startup-error.ts";
import type { BlobLine } from "./blob-list.ts";
import { openDirectorySource } from "./directory-source.ts";
import type { Manifest, Part } from "./format.ts";
import { openTarSource } from "./tar-source.ts";

/** Opens the blobs of a backup one after another, in the order of its lists. */
export interface BlobReader {
  /**
   * @throws StartupError when the next one is another, or none; DamagedFileError, also while it is read, when those that
   *   follow can still be read.
   */
  next(line: BlobLine): Promise<AsyncIterable<Uint8Array>>;
  /** @throws StartupError when some were left over. */
  end(): Promise<void>;
}

/** A backup that is read. What it holds comes from outside and is believed only once it was checked. */
export interface BackupSource {
  readonly manifest: Manifest;
  /** The bytes of a part, as stored. */
  openPart(part: Part): AsyncIterable<Uint8Array>;
  /** From the first blob on; any number of times. */
  readBlobs(): BlobReader;
  close(): Promise<void>;
}

/**
 * Opens a tar file, a folder of backups (the newest one), or one backup in such a folder.
 * @throws StartupError when it is none, or of a newer version.
 */
export async function openSource(path: string): Promise<BackupSource> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new StartupError(`there is no backup at ${path}`);
  return found.isDirectory() ? openDirectorySource(path) : openTarSource(path);
}
