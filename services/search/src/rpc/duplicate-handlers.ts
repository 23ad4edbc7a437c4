import { type IdentityContext, requireUser } from "@ocelli/chassis";
import type { searchV1 } from "@ocelli/contracts";
import type { Duplicates } from "../duplicates.ts";

/** DuplicateService over the rules. */
export function createDuplicateHandlers(
  duplicates: Duplicates,
): searchV1.DuplicateServiceImplementation<IdentityContext> {
  return {
    listDuplicates: (request, { identity }) => duplicates.list(requireUser(identity), request),
    async keepDuplicates({ photoIds }, { identity }) {
      await duplicates.keep(requireUser(identity), photoIds);
      return {};
    },
    async unkeepDuplicates({ photoIds }, { identity }) {
      await duplicates.unkeep(requireUser(identity), photoIds);
      return {};
    },
  };
}
