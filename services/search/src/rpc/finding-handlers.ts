import { type IdentityContext, requireUser } from "@ocelli/chassis";
import type { searchV1 } from "@ocelli/contracts";
import { type ByImageDependencies, searchByImage } from "../by-image.ts";
import { listMemories, type MemoriesDependencies } from "../memories.ts";
import { searcherOf } from "../searcher.ts";
import { findSimilar, type SimilarDependencies } from "../similar.ts";
import { suggest } from "../suggestions.ts";

/** What the handlers need. */
export type FindingDependencies = ByImageDependencies & SimilarDependencies & MemoriesDependencies;

/** The RPCs of SearchService that need no query: likeness, suggestions, memories. */
export function createFindingHandlers(
  dependencies: FindingDependencies,
): Omit<searchV1.SearchServiceImplementation<IdentityContext>, "search"> {
  return {
    findSimilar: (request, { identity }) => findSimilar(dependencies, requireUser(identity), request),
    searchByImage: (requests, { identity, signal }) =>
      searchByImage(dependencies, requireUser(identity), requests, signal),
    suggest: (request, { identity }) => suggest(dependencies.db, searcherOf(identity), request),
    listMemories: (request, { identity }) => listMemories(dependencies, requireUser(identity), request),
  };
}
