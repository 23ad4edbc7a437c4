import { type IdentityContext, requireUser } from "@ocelli/chassis";
import type { libraryV1 } from "@ocelli/contracts";
import type { LinkedContents } from "../album-link-content.ts";
import { type BlobKind, blobKinds } from "../photo.ts";
import type { PublicLinks } from "../public-links.ts";
import type { AlbumLink } from "../store/album-links.ts";
import { closing } from "./closing.ts";
import { invalidRendition } from "./mappers.ts";

/** The rules behind the RPCs of public links. */
export interface LinkHandlersOptions {
  links: PublicLinks;
  linkedContents: LinkedContents;
}

type Implementation = libraryV1.AlbumServiceImplementation<IdentityContext>;

/** The part of AlbumService about public links. */
export function createLinkHandlers({
  links,
  linkedContents,
}: LinkHandlersOptions): Pick<
  Implementation,
  | "createAlbumLink"
  | "listAlbumLinks"
  | "deleteAlbumLink"
  | "openAlbumLink"
  | "getLinkedAlbum"
  | "downloadLinkedPhoto"
> {
  return {
    async createAlbumLink({ albumId, ...draft }, { identity }) {
      const { link, secret } = await links.create(requireUser(identity), albumId, draft);
      return { link: toLinkMessage(link), secret };
    },
    async listAlbumLinks({ albumId }, { identity }) {
      const found = await links.list(requireUser(identity), albumId);
      return { links: found.map(toLinkMessage) };
    },
    async deleteAlbumLink({ albumId, linkId }, { identity }) {
      await links.delete(requireUser(identity), albumId, linkId);
      return {};
    },
    async openAlbumLink(request, { origin }) {
      const { visit, expiresInSeconds } = await links.open(request, origin.address);
      return { visit, expiresIn: expiresInSeconds };
    },
    async getLinkedAlbum({ visit: token, ...page }) {
      const { visit, photos, nextPageToken } = await links.show(token, page);
      const { name, description, originals } = visit;
      return { name, description, originals, photos, nextPageToken };
    },
    async *downloadLinkedPhoto({ visit, photoId, rendition }) {
      const { mediaType, blob } = await linkedContents.open(visit, photoId, parseRendition(rendition));
      yield* closing(blob, async function* send() {
        yield { part: { $case: "mediaType", value: mediaType } } as const;
        for await (const value of blob.chunks()) yield { part: { $case: "chunk", value } } as const;
      });
    },
  };
}

function parseRendition(text: string): BlobKind {
  const kind = blobKinds.find((each) => each === text);
  if (kind === undefined) throw invalidRendition();
  return kind;
}

function toLinkMessage({ expiresAt, ...same }: AlbumLink): libraryV1.AlbumLink {
  return { ...same, expiresAt: expiresAt ?? undefined };
}
