import { type IdentityContext, requireUser } from "@ocelli/chassis";
import type { libraryV1 } from "@ocelli/contracts";
import type { PhotoChanges } from "../photo-changes.ts";
import type { PhotoDeletion } from "../photo-deletion.ts";
import type { Photos } from "../photos.ts";
import type { ExistingPhoto } from "../store/photos.ts";
import type { Validation, Verdict } from "../validation.ts";
import { toPhotoMessage } from "./mappers.ts";
import { toBulkChange, toHashes, toPatch } from "./photo-requests.ts";
import { openUpload } from "./upload-stream.ts";

/** The rules behind the RPCs, and what transport itself bounds. */
export interface PhotoHandlersOptions {
  photos: Pick<Photos, "getMany">;
  changes: PhotoChanges;
  deletion: PhotoDeletion;
  validation: Validation;
  /** Photos of an owner by the hashes of their bytes. */
  findExisting: (ownerId: string, hashes: readonly string[]) => Promise<ExistingPhoto[]>;
  /** Longest silence within an upload. */
  uploadIdleTimeoutMs: number;
}

/** PhotoService over the rules. */
export function createPhotoHandlers(
  options: PhotoHandlersOptions,
): libraryV1.PhotoServiceImplementation<IdentityContext> {
  const { photos, changes, deletion, validation } = options;
  return {
    async getPhotos({ photoIds }, { identity }) {
      const found = await photos.getMany(requireUser(identity), photoIds);
      return { photos: found.map(toPhotoMessage) };
    },
    async updatePhoto(request, { identity }) {
      const photo = await changes.update(requireUser(identity), request.photoId, toPatch(request));
      return { photo: toPhotoMessage(photo) };
    },
    async changePhotos(request, { identity }) {
      const ownerId = requireUser(identity);
      const change = toBulkChange(request);
      const { photoIds } = request;
      return {
        photoIds:
          change === "delete"
            ? await deletion.deleteMany(ownerId, photoIds)
            : await changes.changeMany(ownerId, photoIds, change),
      };
    },
    async emptyTrash(_request, { identity, signal }) {
      return { deleted: await deletion.emptyTrash(requireUser(identity), signal) };
    },
    async findExisting(request, { identity }) {
      return { photos: await options.findExisting(requireUser(identity), toHashes(request)) };
    },
    async validatePhoto(requests, { identity }) {
      const ownerId = requireUser(identity);
      const { chunks } = await openUpload(requests, options.uploadIdleTimeoutMs);
      return toVerdictMessage(await validation.validate(ownerId, chunks));
    },
  };
}

function toVerdictMessage(verdict: Verdict): libraryV1.ValidatePhotoResponse {
  const { image, sizeBytes, sha256, duplicateOf, problems } = verdict;
  return {
    valid: problems.length === 0,
    mediaType: image?.mediaType ?? "",
    width: image?.width ?? 0,
    height: image?.height ?? 0,
    sizeBytes,
    sha256: sha256 ?? "",
    duplicateOf: duplicateOf ?? "",
    problems: problems.map(({ reason, message }) => ({ reason, message })),
  };
}
