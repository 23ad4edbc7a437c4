import { invalidArgument, type RpcContext, requireUser } from "@ocelli/chassis";
import { libraryV1 } from "@ocelli/contracts";
import type { World } from "./upstreams.ts";

/** What the gateway asked of PhotoService. */
export interface PhotoCalls {
  readonly updates: libraryV1.UpdatePhotoRequest[];
  readonly changes: libraryV1.ChangePhotosRequest[];
  readonly existing: libraryV1.FindExistingRequest[];
  emptied: number;
  /** Bytes of files that were looked at. */
  validated: number;
  /** Bytes after which a verdict is given without waiting for the rest. */
  verdictAfter: number;
}

/** Nothing asked yet. */
export function createPhotoCalls(): PhotoCalls {
  return {
    updates: [],
    changes: [],
    existing: [],
    emptied: 0,
    validated: 0,
    verdictAfter: Number.POSITIVE_INFINITY,
  };
}

/** A PhotoService that notes what it is asked and knows the photos of the world. */
export function photoService(world: World): libraryV1.PhotoServiceImplementation<RpcContext> {
  const calls = world.photoCalls;
  const ownIds = (context: RpcContext, ids: string[]) => {
    const userId = requireUser(context.identity);
    return ids.filter((id) => world.photos.get(id)?.photo.ownerId === userId);
  };
  return {
    async getPhotos({ photoIds }, context) {
      return { photos: ownIds(context, photoIds).flatMap((id) => world.photos.get(id)?.photo ?? []) };
    },
    async updatePhoto(request, context) {
      calls.updates.push(request);
      const [id] = ownIds(context, [request.photoId]);
      const found = id === undefined ? undefined : world.photos.get(id);
      if (!found) throw invalidArgument("PHOTO_NOT_FOUND", "There is no such photo.");
      return { photo: { ...found.photo, title: request.title } };
    },
    async changePhotos(request, context) {
      calls.changes.push(request);
      return { photoIds: ownIds(context, request.photoIds) };
    },
    async emptyTrash() {
      calls.emptied += 1;
      return { deleted: 3 };
    },
    async findExisting(request) {
      calls.existing.push(request);
      return {
        photos: request.sha256.slice(0, 1).map((sha256) => ({ sha256, photoId: "p1", trashed: true })),
      };
    },
    async validatePhoto(request) {
      let sizeBytes = 0;
      for await (const { part } of request) {
        if (part?.$case === "chunk") sizeBytes += part.value.byteLength;
        if (sizeBytes > calls.verdictAfter) break;
      }
      calls.validated = sizeBytes;
      const problem = { reason: "CORRUPT_IMAGE", message: "No." };
      return libraryV1.ValidatePhotoResponse.fromPartial({ sizeBytes, valid: false, problems: [problem] });
    },
  };
}
