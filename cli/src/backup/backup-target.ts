import type { BlobKey } from "@ocelli/library";
import type { BlobLine } from "./blob-list.ts";
import type { Manifest, Part } from "./format.ts";

/** What a blob turned out to be on its way: its size and the SHA-256 of its bytes. */
export interface CopiedBlob {
  size: number;
  digest: string;
}

/** Where a backup is written; nothing is visible under its name before {@link BackupTarget.finish}. */
export interface BackupTarget {
  /** Local folder for parts on their way; it is removed in the end. */
  readonly workFolder: string;
  /** Begins a sorted pass over blobs: says of each, in order, whether an earlier backup has left it here. */
  earlier(): (key: BlobKey) => Promise<BlobLine | undefined>;
  /** Takes in a blob. @returns undefined when `isRight` refuses what was read, which then is not in the backup. */
  addBlob(
    key: BlobKey,
    blob: { size: number; chunks: AsyncIterable<Uint8Array> },
    isRight: (copied: CopiedBlob) => boolean,
  ): Promise<CopiedBlob | undefined>;
  /** Takes over a part from the work folder. */
  addPart(part: Part): Promise<void>;
  /** Writes the manifest, looks at all that was written, and gives it its name. @returns that name. */
  finish(manifest: Manifest, check: (path: string) => Promise<void>): Promise<string>;
  /** Removes what is not finished; harmless after {@link BackupTarget.finish}. */
  discard(): Promise<void>;
}

/** Hashes and counts what passes through. */
export function counting(hash: { update(chunk: Uint8Array): unknown }) {
  const counted = { size: 0 };
  return {
    counted,
    async *through(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of chunks) {
        hash.update(chunk);
        counted.size += chunk.byteLength;
        yield chunk;
      }
    },
  };
}
