import { type IdentityContext, requireUser } from "@ocelli/chassis";
import type { searchV1 } from "@ocelli/contracts";
import { type SearchDependencies, searchPhotos } from "../search.ts";

/** gRPC handlers of the search service. */
export function createSearchHandlers(
  dependencies: SearchDependencies,
): searchV1.SearchServiceImplementation<IdentityContext> {
  return {
    search: (request, { identity }) => searchPhotos(dependencies, requireUser(identity), request),
  };
}
