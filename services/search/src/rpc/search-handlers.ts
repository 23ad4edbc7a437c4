import type { IdentityContext } from "@ocelli/chassis";
import type { searchV1 } from "@ocelli/contracts";
import { type SearchDependencies, searchPhotos } from "../search.ts";
import { searcherOf } from "../searcher.ts";
import { createFindingHandlers, type FindingDependencies } from "./finding-handlers.ts";

/** gRPC handlers of SearchService. */
export function createSearchHandlers(
  dependencies: SearchDependencies & FindingDependencies,
): searchV1.SearchServiceImplementation<IdentityContext> {
  return {
    ...createFindingHandlers(dependencies),
    search: (request, { identity }) => searchPhotos(dependencies, searcherOf(identity), request),
  };
}
