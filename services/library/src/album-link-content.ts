import type { Database } from "@ocelli/chassis";
import { permissionDenied } from "@ocelli/chassis";
import type { OpenBlob } from "./blobs/blob-store.ts";
import type { CleanOriginals } from "./clean-originals.ts";
import type { Contents } from "./contents.ts";
import { type BlobKind, isPhotoId } from "./photo.ts";
import { photoNotFound } from "./photos.ts";
import type { PublicLinks } from "./public-links.ts";
import { findLinkedContent } from "./store/album-links.ts";
import type { LibraryTables } from "./store/tables.ts";

/** What {@link createLinkedContents} stands on. */
export interface LinkedContentsOptions {
  database: Database<LibraryTables>;
  links: Pick<PublicLinks, "visitOf">;
  contents: Contents;
  clean: CleanOriginals;
}

/** The bytes that visitors of a link see. */
export interface LinkedContents {
  /**
   * Opens a photo of a visit; originals are encoded anew, without metadata.
   * @throws AppError UNAUTHENTICATED/VISIT_EXPIRED, NOT_FOUND/PHOTO_NOT_FOUND, PERMISSION_DENIED/ORIGINALS_NOT_SHARED,
   *   RESOURCE_EXHAUSTED/INGEST_QUEUE_FULL.
   */
  open(token: string, photoId: string, kind: BlobKind): Promise<{ mediaType: string; blob: OpenBlob }>;
}

/** Creates {@link LinkedContents}. */
export function createLinkedContents(options: LinkedContentsOptions): LinkedContents {
  const { links, contents, clean } = options;
  const { db } = options.database;
  return {
    async open(token, photoId, kind) {
      const visit = await links.visitOf(token);
      const find = () => (isPhotoId(photoId) ? findLinkedContent(db, visit.albumId, photoId) : undefined);
      const content = await find();
      if (!content) throw photoNotFound();
      if (kind === "original" && !visit.originals) throw originalsNotShared();
      const opening =
        kind === "original"
          ? clean.open(content.sha256)
          : contents.open(content.sha256, kind).then((blob) => ({ mediaType: "image/jpeg", blob }));
      return opening.catch(async (error: unknown) => {
        // Deleted in between, row first and file after.
        throw (await find()) ? error : photoNotFound();
      });
    },
  };
}

function originalsNotShared() {
  return permissionDenied("ORIGINALS_NOT_SHARED", "This link shares previews only.");
}
