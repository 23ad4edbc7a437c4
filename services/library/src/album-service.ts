import type { Runtime, ServiceHost } from "@ocelli/chassis";
import { libraryV1 } from "@ocelli/contracts";
import { createLinkedContents } from "./album-link-content.ts";
import { createLinkLimits } from "./album-link-limits.ts";
import { createLinkPasswords } from "./album-link-passwords.ts";
import type { AlbumPhotos } from "./album-photos.ts";
import { createAlbums } from "./albums.ts";
import type { CleanOriginals } from "./clean-originals.ts";
import type { LibraryConfig } from "./config.ts";
import type { Contents } from "./contents.ts";
import type { PhotoChanges } from "./photo-changes.ts";
import { createPublicLinks } from "./public-links.ts";
import { createAlbumHandlers } from "./rpc/album-handlers.ts";
import { createSharing } from "./sharing.ts";
import type { LibraryTables } from "./store/tables.ts";

/** What {@link openAlbumService} stands on. */
export interface AlbumServiceOptions {
  host: ServiceHost<LibraryTables>;
  config: Pick<LibraryConfig, "maxAlbums">;
  runtime: Pick<Runtime, "now" | "newId">;
  albumPhotos: AlbumPhotos;
  changes: Pick<PhotoChanges, "changeMany">;
  contents: Contents;
  clean: CleanOriginals;
}

/** Wrong passwords of public links: few from one address, more at one link, since others may be at it too. */
const linkRates = { perAddress: 10, perLink: 50, windowMs: 15 * 60 * 1000 };

/** Provides AlbumService. */
export function openAlbumService(options: AlbumServiceOptions): void {
  const { host, config, albumPhotos, changes, contents, clean } = options;
  const { now, newId } = options.runtime;
  const { database, relay } = host;
  const links = createPublicLinks({
    database,
    passwords: createLinkPasswords(),
    limits: createLinkLimits({ database, rates: linkRates, now }),
    now,
    newId,
  });
  const handlers = createAlbumHandlers({
    albums: createAlbums({ database, relay, changes, now, newId, maxAlbums: config.maxAlbums }),
    photos: albumPhotos,
    sharing: createSharing({ database, relay, now }),
    links,
    linkedContents: createLinkedContents({ database, links, contents, clean }),
  });
  host.provide(libraryV1.AlbumServiceDefinition, handlers);
}
