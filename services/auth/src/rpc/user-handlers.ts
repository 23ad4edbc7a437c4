import { hasScope, type IdentityContext, invalidArgument } from "@ocelli/chassis";
import type { authV1 } from "@ocelli/contracts";
import { actorOf } from "../actor.ts";
import type { EndSessions } from "../end-sessions.ts";
import type { UserChanges } from "../user-changes.ts";
import type { Caller, Users } from "../users.ts";

/** The gRPC face of accounts and their administration. */
export function createUserHandlers({
  users,
  endSessions,
}: {
  users: Users;
  endSessions: EndSessions;
}): authV1.UserServiceImplementation<IdentityContext> {
  return {
    async getUser({ userId }, context) {
      return { user: await users.get(userId, callerOf(context)) };
    },
    findUser: ({ key }) =>
      users.find(key?.$case === "email" ? { email: key.value } : { userId: key?.value ?? "" }),
    listUsers: (request) => users.list(request),
    async createUser(request, context) {
      return { user: await users.create(request, callerOf(context), context.signal) };
    },
    async updateUser(request, context) {
      return { user: await users.update(request.userId, changesOf(request), callerOf(context)) };
    },
    async deleteUser({ userId, password }, context) {
      return {
        deletedAt: await users.delete(userId, { password }, callerOf(context), context.signal),
      };
    },
    async endUserSessions({ userId }, context) {
      return { sessionIds: await endSessions(userId, callerOf(context)) };
    },
  };
}

function callerOf(context: IdentityContext): Caller {
  const { identity } = context;
  const caller = { actor: actorOf(context), isAdmin: hasScope(identity, "admin") };
  if (identity.kind === "anonymous") return { ...caller, userId: undefined, mayMakeAdmins: false };
  const { userId } = identity;
  if (identity.kind === "service") return { ...caller, userId, mayMakeAdmins: identity.internal };
  const { grant } = identity;
  return grant.kind === "session"
    ? { ...caller, userId, mayMakeAdmins: true, sessionId: grant.id }
    : { ...caller, userId, mayMakeAdmins: false };
}

/** Without a mask, the fields that say something are those to change (AIP-134). */
function changesOf(request: authV1.UpdateUserRequest): UserChanges {
  const { name, role, disabled } = request;
  const mask = request.updateMask ?? [];
  const unknown = mask.find((path) => !["name", "role", "disabled"].includes(path));
  if (unknown !== undefined) {
    throw invalidArgument("INVALID_ACCOUNT", "The account's details are not valid.", [
      { field: "update_mask", description: "may name name, role and disabled" },
    ]);
  }
  const selected = (path: string, isSet: boolean) => (mask.length > 0 ? mask.includes(path) : isSet);
  return {
    ...(selected("name", name !== "") ? { name } : {}),
    ...(selected("role", role !== "") ? { role } : {}),
    ...(selected("disabled", disabled) ? { disabled } : {}),
  };
}
