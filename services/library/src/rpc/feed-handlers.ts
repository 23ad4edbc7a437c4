import { type IdentityContext, requireUser } from "@ocelli/chassis";
import type { libraryV1 } from "@ocelli/contracts";
import type { Feed } from "../feed.ts";

/** FeedService over the feed. */
export function createFeedHandlers(
  feed: Pick<Feed, "list">,
): libraryV1.FeedServiceImplementation<IdentityContext> {
  return {
    async listFeed(request, { identity }) {
      const { entries, newestId } = await feed.list(requireUser(identity), request);
      return {
        newestId,
        entries: entries.map(({ id, type, at, subjectId, data }) => ({
          id,
          type,
          at,
          subjectId,
          dataJson: JSON.stringify(data),
        })),
      };
    },
  };
}
