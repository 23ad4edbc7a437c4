import { createHash } from "node:crypto";
import type { Database } from "@ocelli/chassis";
import type { BlobStore } from "./blobs/blob-store.ts";
import type { Contents } from "./contents.ts";
import type { LooseBlobs } from "./loose-blobs.ts";
import { lockBytes } from "./store/loose-blobs.ts";
import { loosenUnused } from "./store/owners.ts";
import type { LibraryTables } from "./store/tables.ts";
import { type ImageToVerify, listImages } from "./store/verify.ts";
import type { VerifyFindings } from "./verify-findings.ts";

/** What the checks of images stand on. */
export interface VerifyImagesOptions {
  database: Database<LibraryTables>;
  blobs: BlobStore;
  contents: Contents;
  loose: LooseBlobs;
  findings: VerifyFindings;
  repair: boolean;
  /** Originals read at once. */
  concurrency: number;
  signal: AbortSignal;
  onChecked(): void;
}

const pageSize = 500;

/** Reads every original and looks for the renditions of each image. @returns bytes read. */
export async function verifyImages(options: VerifyImagesOptions): Promise<number> {
  const { database, concurrency, signal } = options;
  let bytes = 0;
  for (let after = ""; ; ) {
    const page = await listImages(database.db, after, pageSize);
    const last = page.at(-1);
    if (!last) return bytes;
    after = last.sha256;
    const queue = page.values();
    const work = async () => {
      for (const image of queue) {
        signal.throwIfAborted();
        bytes += await verifyImage(options, image);
        options.onChecked();
      }
    };
    await Promise.all(Array.from({ length: concurrency }, work));
  }
}

async function verifyImage(options: VerifyImagesOptions, image: ImageToVerify): Promise<number> {
  const { findings, repair } = options;
  const { sha256, filename } = image;
  if (!image.isUsed) {
    const isRepaired = repair && (await removeUnused(options, sha256));
    findings.add({ kind: "unused-image", sha256, detail: "nobody has a photo of it", isRepaired });
    return 0;
  }
  const found = await hashOriginal(options.blobs, sha256);
  if (typeof found === "string") {
    findings.add({ kind: found, sha256, detail: filename, isRepaired: false });
    return 0;
  }
  if (found.sha256 !== sha256 || found.sizeBytes !== image.sizeBytes) {
    const detail = `${filename}: ${found.sizeBytes} of ${image.sizeBytes} bytes, SHA-256 ${found.sha256}`;
    findings.add({ kind: "wrong-hash", sha256, detail, isRepaired: false });
    // Renditions made of such an original would be wrong as well.
    return found.sizeBytes;
  }
  await verifyRenditions(options, sha256);
  return found.sizeBytes;
}

async function verifyRenditions(options: VerifyImagesOptions, sha256: string): Promise<void> {
  for (const kind of ["preview", "thumbnail"] as const) {
    if (await options.blobs.has({ sha256, kind })) continue;
    let detail: string = kind;
    let isRepaired = false;
    try {
      if (options.repair) {
        await (await options.contents.open(sha256, kind)).close();
        isRepaired = true;
      }
    } catch (error) {
      detail = `${kind}: ${error instanceof Error ? error.message : String(error)}`;
    }
    options.findings.add({ kind: "missing-rendition", sha256, detail, isRepaired });
  }
}

async function hashOriginal(
  blobs: BlobStore,
  sha256: string,
): Promise<"missing-original" | "unreadable-original" | { sha256: string; sizeBytes: number }> {
  const blob = await blobs.open({ sha256, kind: "original" });
  if (!blob) return "missing-original";
  const hash = createHash("sha256");
  let sizeBytes = 0;
  try {
    for await (const chunk of blob.chunks()) {
      hash.update(chunk);
      sizeBytes += chunk.byteLength;
    }
  } catch (error) {
    // A disk that cannot be read is a finding; a server that went away is the end.
    if (error instanceof Error && "reason" in error) throw error;
    return "unreadable-original";
  } finally {
    await blob.close();
  }
  return { sha256: hash.digest("hex"), sizeBytes };
}

async function removeUnused(
  { database: { db }, loose }: VerifyImagesOptions,
  sha256: string,
): Promise<boolean> {
  await db.transaction().execute(async (trx) => {
    await lockBytes(trx, [sha256]);
    await loosenUnused(trx, [sha256]);
  });
  await loose.remove([sha256]);
  return true;
}
