import type { authV1, libraryV1 } from "@ocelli/contracts";
import { required } from "./required.ts";
import type { ApiKeyView, AuditEntryView, ServiceAccountView, UsageView } from "./schemas-access.ts";

/** An API key as clients see it. */
export function toApiKeyView(message: authV1.ApiKey | undefined): ApiKeyView {
  const key = required(message, "apiKey");
  return {
    id: key.id,
    name: key.name,
    prefix: key.prefix,
    scopes: key.scopes,
    createdAt: required(key.createdAt, "createdAt").toISOString(),
    expiresAt: key.expiresAt?.toISOString() ?? null,
    lastUsedAt: key.lastUsedAt?.toISOString() ?? null,
  };
}

/** A service account as administrators see it. */
export function toServiceAccountView(message: authV1.ServiceAccount | undefined): ServiceAccountView {
  const account = required(message, "serviceAccount");
  return {
    id: account.id,
    name: account.name,
    scopes: account.scopes,
    userId: account.userId || null,
    createdAt: required(account.createdAt, "createdAt").toISOString(),
    lastUsedAt: account.lastUsedAt?.toISOString() ?? null,
  };
}

/** Something that happened. */
export function toAuditEntryView(entry: authV1.AuditEntry): AuditEntryView {
  const { id, actor, action, address, userAgent } = entry;
  return {
    id,
    at: required(entry.at, "at").toISOString(),
    actor,
    action,
    userId: entry.subjectUserId || null,
    targetId: entry.targetId || null,
    outcome: entry.outcome === "success" ? "success" : "failure",
    reason: entry.reason || null,
    address,
    userAgent,
  };
}

/** What a user's photos take. */
export function toUsageView(message: libraryV1.Usage | undefined): UsageView {
  const { bytes, photos, maxBytes, maxPhotos } = required(message, "usage");
  return { bytes, photos, maxBytes, maxPhotos };
}
