import { libraryV1 } from "@ocelli/contracts";
import type { Caller } from "../context.ts";
import { safeFilename } from "../downloads/content-disposition.ts";
import { fetchPhotoResult } from "../photo-aggregate.ts";
import type { ResultCallOptions } from "../photo-results.ts";
import { toAppError } from "../problem.ts";
import type { RouteDeps } from "../routes/shared.ts";
import { readAlbumFolders } from "./album-folders.ts";
import { type ExportedPhoto, listExported } from "./exported-photos.ts";
import { createZipPaths, safeZipName } from "./zip-names.ts";
import type { ZipWriter } from "./zip-writer.ts";

/** What is exported, and for whom. */
export interface ExportRequest {
  caller: Pick<Caller, "userId" | "scopes">;
  albumId: string | undefined;
  /** False for the results alone. */
  originals: boolean;
  call: ResultCallOptions;
}

/** What the last entry of a zip tells. */
interface ExportSummary {
  photos: number;
  failed: { id: string; filename: string; reason: string }[];
}

type Deps = Pick<RouteDeps, "clients" | "results" | "log">;

const { RENDITION_ORIGINAL } = libraryV1.Rendition;
const summaryName = "export.json";

/**
 * Prepares an export. @returns what writes it: each photo's original and everything known of it beside it, in the
 * folders of albums. Memory holds one chunk, one page, and the names.
 * @throws AppError NOT_FOUND/ALBUM_NOT_FOUND.
 */
export async function prepareExport(
  deps: Deps,
  request: ExportRequest,
): Promise<(zip: ZipWriter) => Promise<void>> {
  const { albumId, call } = request;
  const folders = await readAlbumFolders(deps.clients.albums, albumId, call);
  return async (zip) => {
    const paths = createZipPaths();
    paths("", summaryName);
    const summary: ExportSummary = { photos: 0, failed: [] };
    for await (const exported of listExported(deps.clients.library, folders, albumId, call)) {
      call.signal.throwIfAborted();
      await writePhoto(deps, { request, zip, paths, summary }, exported);
    }
    await zip.addBytes(summaryName, toJson(summary), new Date());
    zip.end();
  };
}

interface Writing {
  request: ExportRequest;
  zip: ZipWriter;
  paths: (folder: string, name: string) => string;
  summary: ExportSummary;
}

async function writePhoto(deps: Deps, writing: Writing, { photo, folder }: ExportedPhoto): Promise<void> {
  const { request, zip, summary } = writing;
  const { call, originals, caller } = request;
  const stop = new AbortController();
  try {
    const signal = AbortSignal.any([call.signal, stop.signal]);
    // Both before anything is written: a photo that is gone leaves no half entry.
    const result = await fetchPhotoResult(deps, photo.id, caller, call);
    const original = originals ? await openOriginal(deps, photo.id, { ...call, signal }) : undefined;
    const name = safeZipName(photo.filename, "photo");
    const path = writing.paths(folder, safeFilename(name, photo.mediaType));
    const at = photo.takenAt ?? photo.createdAt ?? new Date();
    if (original) await zip.addStream(path, original.chunks, original.sizeBytes, at);
    await zip.addBytes(`${path}.json`, toJson(result), at);
    summary.photos += 1;
  } catch (error) {
    if (call.signal.aborted) throw error;
    const { reason } = toAppError(error);
    // Deleted meanwhile; anything else is told, and does not keep the others from their owner.
    if (reason === "PHOTO_NOT_FOUND") return;
    if (error instanceof OriginalBroken || reason === "UNAUTHENTICATED" || reason === "TOKEN_EXPIRED")
      throw error;
    deps.log.warn({ err: error, photoId: photo.id }, "a photo is missing from an export");
    summary.failed.push({ id: photo.id, filename: photo.filename, reason });
  } finally {
    stop.abort();
  }
}

/** Part of the original is in the zip already: only breaking it off is honest. */
class OriginalBroken extends Error {}

async function openOriginal({ clients }: Deps, photoId: string, call: ResultCallOptions) {
  const request = { photoId, rendition: RENDITION_ORIGINAL, offset: 0, length: 0 };
  const messages = clients.library.downloadPhoto(request, call)[Symbol.asyncIterator]();
  const first = await messages.next();
  const part = first.done ? undefined : first.value.part;
  if (part?.$case !== "info") throw new Error("the original came without its info");
  async function* chunks(): AsyncGenerator<Uint8Array> {
    try {
      for (let next = await messages.next(); !next.done; next = await messages.next()) {
        if (next.value.part?.$case === "chunk") yield next.value.part.value;
      }
    } catch (cause) {
      throw new OriginalBroken("an original broke off", { cause });
    }
  }
  return { sizeBytes: part.value.sizeBytes, chunks: chunks() };
}

function toJson(value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
}
