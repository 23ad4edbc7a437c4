import { type IdentityContext, requireUser } from "@ocelli/chassis";
import type { authV1 } from "@ocelli/contracts";
import { actorOf } from "../actor.ts";
import type { ApiKeys } from "../api-keys.ts";
import type { ApiKey } from "../store/api-keys.ts";

/** The gRPC face of API keys. */
export function createApiKeyHandlers({
  apiKeys,
}: {
  apiKeys: ApiKeys;
}): authV1.ApiKeyServiceImplementation<IdentityContext> {
  return {
    async createApiKey(request, context) {
      const { identity } = context;
      const userId = requireUser(identity);
      const owner = identity.kind === "user" ? { userId, held: identity.scopes } : { userId };
      const { apiKey, secret } = await apiKeys.create(request, owner, actorOf(context));
      return { apiKey: toMessage(apiKey), secret };
    },
    async listApiKeys(page, { identity }) {
      const { apiKeys: keys, nextPageToken } = await apiKeys.list(requireUser(identity), page);
      return { apiKeys: keys.map(toMessage), nextPageToken };
    },
    async deleteApiKey({ apiKeyId }, context) {
      await apiKeys.delete({ userId: requireUser(context.identity), id: apiKeyId }, actorOf(context));
      return {};
    },
  };
}

function toMessage({ expiresAt, lastUsedAt, ...key }: ApiKey) {
  return { ...key, expiresAt: expiresAt ?? undefined, lastUsedAt: lastUsedAt ?? undefined };
}
