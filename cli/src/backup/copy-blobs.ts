import type { BlobKey, BlobStore } from "@ocelli/library";
import type { BackupTarget } from "./backup-target.ts";
import { type BlobLine, blobKinds, toRow } from "./blob-list.ts";
import type { Row } from "./rows-file.ts";

/** What {@link copyImages} needs. */
export interface CopyOptions {
  blobs: BlobStore;
  target: Pick<BackupTarget, "earlier" | "addBlob">;
  /** Previews and thumbnails as well. */
  renditions: boolean;
  /** Told of originals that are not there, or not what their name says. */
  onLost(sha256: string): void;
  /** Told of each file that is in the backup now. */
  onFile(line: BlobLine): void;
}

/** Copies the files of images, given in order, and says what is in the backup now, a page per image. */
export async function* copyImages(
  { blobs, target, renditions, onLost, onFile }: CopyOptions,
  images: AsyncIterable<string>,
): AsyncGenerator<Row[]> {
  const earlier = target.earlier();
  const kinds = renditions ? blobKinds : (["original"] as const);
  for await (const sha256 of images) {
    const lines: BlobLine[] = [];
    for (const kind of kinds) {
      const key = { sha256, kind };
      const line = (await earlier(key)) ?? (await copyBlob(blobs, target, key));
      // Without its original an image has nothing that is worth to be kept.
      if (!line && kind === "original") break;
      if (line) lines.push(line);
    }
    if (lines.length === 0) onLost(sha256);
    for (const line of lines) onFile(line);
    yield lines.map(toRow);
  }
}

async function copyBlob(
  blobs: BlobStore,
  target: Pick<BackupTarget, "addBlob">,
  key: BlobKey,
): Promise<BlobLine | undefined> {
  const blob = await blobs.open(key);
  if (!blob) return undefined;
  try {
    const isRight = ({ digest }: { digest: string }) => key.kind !== "original" || digest === key.sha256;
    const copied = await target.addBlob(key, { size: blob.sizeBytes, chunks: blob.chunks() }, isRight);
    return copied && { key, ...copied };
  } finally {
    await blob.close();
  }
}
