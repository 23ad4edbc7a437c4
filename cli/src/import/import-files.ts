import { addToAlbum } from "./album.ts";
import { type Api, ApiError } from "./api.ts";
import { hashFile } from "./find-images.ts";
import { existsSchema } from "./schemas.ts";
import { sendFile } from "./send-file.ts";

/** How a file fared. */
export interface FileOutcome {
  path: string;
  outcome: "sent" | "known" | "failed" | "would-send";
  /** Why it failed. */
  reason: string;
}

/** What {@link importFiles} stands on. */
export interface ImportOptions {
  api: Api;
  /** Album to put all of them into. */
  albumId: string | undefined;
  /** Files hashed or sent at once. */
  concurrency: number;
  dryRun: boolean;
  signal: AbortSignal;
  onOutcome(outcome: FileOutcome): void;
}

interface HashedFile {
  path: string;
  sha256: string;
  sizeBytes: number;
}

/** Sends what the server lacks of some files; each distinct content once. */
export async function importFiles(options: ImportOptions, paths: readonly string[]): Promise<void> {
  const hashed: HashedFile[] = [];
  await inParallel(options, paths, async (path) => {
    hashed.push({ path, ...(await hashFile(path)) });
  });
  const known = await findKnown(options.api, [...new Set(hashed.map(({ sha256 }) => sha256))]);
  // Of several files alike the first is sent.
  const firsts = new Map<string, HashedFile>();
  for (const file of hashed) if (!firsts.has(file.sha256)) firsts.set(file.sha256, file);
  const missing = [...firsts.values()].filter(({ sha256 }) => !known.has(sha256));
  const failed = new Map<string, string>();
  const byPath = new Map(missing.map((file) => [file.path, file]));
  await inParallel(options, [...byPath.keys()], async (path) => {
    const file = byPath.get(path);
    if (!file) return;
    if (options.dryRun) return options.onOutcome({ path, outcome: "would-send", reason: "" });
    const sent = await sendFile(options.api, file).catch((error: unknown) => {
      failed.set(file.sha256, explain(error));
      throw error;
    });
    known.set(file.sha256, sent.id);
    options.onOutcome({ path, outcome: sent.duplicate ? "known" : "sent", reason: "" });
  });
  for (const { path, sha256 } of hashed) {
    if (byPath.has(path)) continue;
    const reason = failed.get(sha256);
    options.onOutcome(
      reason === undefined ? { path, outcome: "known", reason: "" } : { path, outcome: "failed", reason },
    );
  }
  if (options.albumId !== undefined && known.size > 0 && !options.dryRun) {
    await addToAlbum(options.api, options.albumId, [...new Set(known.values())]);
  }
}

/** Photo ids by hash; a server that cannot say is sent everything. */
async function findKnown(api: Api, hashes: string[]): Promise<Map<string, string>> {
  if (hashes.length === 0) return new Map();
  try {
    const body = { sha256: hashes };
    const { photos } = await api.json("/photos/exists", existsSchema, { method: "POST", body });
    return new Map(photos.map(({ sha256, photoId }) => [sha256, photoId]));
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return new Map();
    throw error;
  }
}

/** A file that fails is told and does not keep the others; a login that ended concerns all. */
async function inParallel(
  { concurrency, signal, onOutcome }: ImportOptions,
  paths: readonly string[],
  work: (path: string) => Promise<void>,
): Promise<void> {
  const queue = paths.values();
  const worker = async () => {
    for (const path of queue) {
      signal.throwIfAborted();
      try {
        await work(path);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof ApiError && (error.status === 401 || error.status === 403)) throw error;
        onOutcome({ path, outcome: "failed", reason: explain(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

function explain(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
