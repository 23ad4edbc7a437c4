import { AppError } from "@ocelli/chassis";
import type { LibraryUnderTest } from "./library-under-test.ts";
import { jpeg } from "./photos-for-tests.ts";

/** What tests of albums do again and again. */
export interface AlbumClients {
  /** Call options of a user. */
  as(user: string): Promise<{ bearer: string }>;
  /** Makes an album; returns its id. */
  make(user: string, name: string, parentId?: string): Promise<string>;
  /** Stores a picture that is like no other; returns its id. */
  upload(user: string, albumId?: string): Promise<string>;
  share(owner: string, albumId: string, userId: string, role: "viewer" | "contributor"): Promise<void>;
}

/** Creates them for a library. */
export function albumClients(library: () => LibraryUnderTest): AlbumClients {
  const tokens = new Map<string, string>();
  let seed = 1;
  async function as(user: string) {
    const bearer = tokens.get(user) ?? (await library().userToken(user));
    tokens.set(user, bearer);
    return { bearer };
  }
  return {
    as,
    async make(user, name, parentId = "") {
      const { album } = await library().albums.createAlbum({ name, parentId }, await as(user));
      return album?.id ?? "";
    },
    async upload(user, albumId = "") {
      const { photo } = await library().upload(user, await jpeg(seed++), { albumId });
      return photo?.id ?? "";
    },
    async share(owner, albumId, userId, role) {
      await library().albums.shareAlbum({ albumId, userId, role }, await as(owner));
    },
  };
}

/** The reason of a refusal, else `accepted`. */
export function reasonOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "accepted",
    (error: unknown) => AppError.from(error).reason,
  );
}
