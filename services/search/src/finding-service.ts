import type { Runtime, ServiceHost } from "@ocelli/chassis";
import { searchV1 } from "@ocelli/contracts";
import { createDuplicates } from "./duplicates.ts";
import { createDuplicateHandlers } from "./rpc/duplicate-handlers.ts";
import { createSmartAlbumHandlers } from "./rpc/smart-album-handlers.ts";
import { createSmartAlbums, type SmartAlbumsOptions } from "./smart-albums.ts";
import type { SearchTables } from "./store/tables.ts";

/** What {@link openFindingServices} stands on. */
export interface FindingServicesOptions extends Pick<SmartAlbumsOptions, "search" | "findFirst"> {
  host: ServiceHost<SearchTables>;
  runtime: Pick<Runtime, "now" | "newId">;
}

/** Provides DuplicateService and SmartAlbumService. */
export function openFindingServices({ host, runtime, ...searches }: FindingServicesOptions): void {
  const { db } = host.database;
  host.provide(searchV1.DuplicateServiceDefinition, createDuplicateHandlers(createDuplicates({ db })));
  const { now, newId } = runtime;
  const albums = createSmartAlbums({ db, now, newId, ...searches });
  host.provide(searchV1.SmartAlbumServiceDefinition, createSmartAlbumHandlers(albums));
}
