import { type IdentityContext, invalidArgument, isUuid, requireUser } from "@ocelli/chassis";
import type { libraryV1 } from "@ocelli/contracts";
import type { Quota, Quotas, Usage } from "../quotas.ts";

type Implementation = libraryV1.LibraryServiceImplementation<IdentityContext>;

/** The part of LibraryService about usage and quotas. Who may call what is checked before. */
export function createUsageHandlers(
  quotas: Quotas,
): Pick<Implementation, "getUsage" | "getUserUsage" | "setQuota"> {
  return {
    async getUsage(_request, { identity }) {
      return { usage: toUsageMessage(await quotas.usageOf(requireUser(identity))) };
    },
    async getUserUsage({ userId }) {
      return { usage: toUsageMessage(await quotas.usageOf(parseUserId(userId))) };
    },
    async setQuota({ userId, quota }) {
      const ownerId = parseUserId(userId);
      return { usage: toUsageMessage(await quotas.set(ownerId, parseQuota(quota))) };
    },
  };
}

function parseUserId(text: string): string {
  if (isUuid(text)) return text;
  throw invalidArgument("INVALID_USER_ID", "The user id must be a UUID.", [
    { field: "user_id", description: "must be a UUID" },
  ]);
}

function parseQuota(quota: libraryV1.Quota | undefined): Quota {
  if (!quota) {
    throw invalidQuota([
      { field: "quota", description: "is required; leave its parts out for the defaults" },
    ]);
  }
  const wrong = (["bytes", "photos"] as const).filter((part) => !isLimit(quota[part]));
  if (wrong.length > 0) {
    throw invalidQuota(
      wrong.map((part) => ({ field: `quota.${part}`, description: "must be from 0 to 9007199254740991" })),
    );
  }
  return quota;
}

function isLimit(value: number | undefined): boolean {
  return value === undefined || (Number.isSafeInteger(value) && value >= 0);
}

function invalidQuota(violations: Parameters<typeof invalidArgument>[2]) {
  return invalidArgument(
    "INVALID_QUOTA",
    "The quota must be whole numbers from 0, where 0 is unlimited.",
    violations,
  );
}

function toUsageMessage(usage: Usage): libraryV1.Usage {
  return usage;
}
