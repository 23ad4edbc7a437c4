import { hasScope, type Identity, type IdentityContext, permissionDenied } from "@ocelli/chassis";
import type { authV1 } from "@ocelli/contracts";
import { actorOf } from "../actor.ts";
import type { ServiceAccounts } from "../service-accounts.ts";
import type { StoredServiceAccount } from "../store/service-accounts.ts";

/** The gRPC face of service accounts. */
export function createServiceAccountHandlers({
  serviceAccounts,
}: {
  serviceAccounts: ServiceAccounts;
}): authV1.ServiceAccountServiceImplementation<IdentityContext> {
  return {
    async createServiceAccount(request, context) {
      const { identity } = context;
      requireLogin(identity);
      const held = (scope: string) => hasScope(identity, scope);
      const created = await serviceAccounts.create(request, held, actorOf(context));
      return { serviceAccount: toMessage(created.serviceAccount), secret: created.secret };
    },
    async listServiceAccounts(page) {
      const { serviceAccounts: accounts, nextPageToken } = await serviceAccounts.list(page);
      return { serviceAccounts: accounts.map(toMessage), nextPageToken };
    },
    async deleteServiceAccount({ serviceAccountId }, context) {
      await serviceAccounts.delete(serviceAccountId, actorOf(context));
      return {};
    },
  };
}

/** A key or an account with the scope `admin` could widen itself by making another that acts for anybody. */
function requireLogin(identity: Identity): void {
  if (identity.kind === "user" && identity.grant.kind === "session") return;
  if (identity.kind === "service" && identity.internal) return;
  throw permissionDenied(
    "SESSION_REQUIRED",
    "This needs a login; API keys and service accounts are refused.",
  );
}

function toMessage({ userId, lastUsedAt, ...account }: StoredServiceAccount) {
  return { ...account, userId: userId ?? "", lastUsedAt: lastUsedAt ?? undefined };
}
