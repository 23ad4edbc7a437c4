import { AppError } from "@ocelli/chassis";
import type { libraryV1 } from "@ocelli/contracts";
import { Status } from "nice-grpc";
import type { Clients } from "./clients.ts";
import type { GatewayContext } from "./context.ts";
import { resultsFor, withoutPerson } from "./known-people.ts";
import type { PhotoResults, ResultCallOptions } from "./photo-results.ts";
import { required } from "./views/required.ts";

/**
 * Options for reading the results of a photo that somebody else shares with the caller: this service's own token, acting
 * for the owner. Only for photos that the library has just shown to the caller.
 */
function actingForOwner(
  photo: libraryV1.Photo,
  { bearer: _, ...options }: ResultCallOptions,
): ResultCallOptions {
  return { ...options, actingUser: photo.ownerId };
}

/** Whether a photo that the library showed to the caller is somebody else's. */
export function isShared(c: GatewayContext, photo: libraryV1.Photo): boolean {
  return photo.ownerId !== c.get("caller").userId;
}

/** Results as others than the owner see them: whom the owner recognised in a photo stays with the owner. */
export function sharedResults(results: PhotoResults, photo: libraryV1.Photo): PhotoResults {
  const as = (options: ResultCallOptions) => actingForOwner(photo, options);
  return {
    caption: (photoId, options) => results.caption(photoId, as(options)),
    text: (photoId, options) => results.text(photoId, as(options)),
    scene: (photoId, options) => results.scene(photoId, as(options)),
    faces: async (photoId, options) =>
      (await results.faces(photoId, as(options))).map((face) => ({
        ...withoutPerson(face),
        id: "",
      })),
  };
}

/**
 * A result of a photo that the caller may read. Most are the caller's own, so they are asked for at once; only where
 * there is none is the library asked: it tells photos of others that the caller may see, photos that are not analysed yet
 * (the result's own reason), and photos that are not there for the caller.
 */
export async function readResult<T>(
  { clients, results }: { clients: Pick<Clients, "library">; results: PhotoResults },
  c: GatewayContext,
  options: ResultCallOptions & { photoId: string },
  fetch: (results: PhotoResults) => (photoId: string, options: ResultCallOptions) => Promise<T>,
): Promise<T> {
  const { photoId, ...call } = options;
  try {
    return await fetch(resultsFor(c.get("caller"), results))(photoId, call);
  } catch (error) {
    if (AppError.from(error).code !== Status.NOT_FOUND) throw error;
    const photo = required((await clients.library.getPhoto({ photoId }, call)).photo, "photo");
    if (!isShared(c, photo)) throw error;
    return fetch(sharedResults(results, photo))(photoId, call);
  }
}
