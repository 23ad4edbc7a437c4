import { type IdentityContext, requireUser } from "@ocelli/chassis";
import type { searchV1 } from "@ocelli/contracts";
import { type SearchDependencies, searchPhotos } from "../search.ts";
import { createFindingHandlers, type FindingDependencies } from "./finding-handlers.ts";

/** gRPC handlers of SearchService. */
export function createSearchHandlers(
  dependencies: SearchDependencies & FindingDependencies,
): searchV1.SearchServiceImplementation<IdentityContext> {
  return {
    ...createFindingHandlers(dependencies),
    search: (request, { identity }) => searchPhotos(dependencies, requireUser(identity), request),
  };
}
