import type { BlobKey } from "./blob-store.ts";

const suffixes = { original: "", preview: ".preview.jpg", thumbnail: ".thumbnail.jpg" } as const;
const pattern = /^([0-9a-f]{2})\/([0-9a-f]{2})\/([0-9a-f]{64})(|\.preview\.jpg|\.thumbnail\.jpg)$/;

/** Where a blob lies below the root of its store: `ab/cd/<sha256>`, renditions beside the original. */
export function blobName(key: BlobKey): string {
  if (!/^[0-9a-f]{64}$/.test(key.sha256)) throw new Error("blob keys are SHA-256 in lower-case hex");
  return `${key.sha256.slice(0, 2)}/${key.sha256.slice(2, 4)}/${key.sha256}${suffixes[key.kind]}`;
}

/** The blob of a name; undefined for what is no blob of ours. */
export function parseBlobName(name: string): BlobKey | undefined {
  const [, first, second, sha256, suffix] = pattern.exec(name) ?? [];
  if (sha256 === undefined || !sha256.startsWith(`${first}${second}`)) return undefined;
  const kind = suffix === "" ? "original" : suffix === suffixes.preview ? "preview" : "thumbnail";
  return { sha256, kind };
}
