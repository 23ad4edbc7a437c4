import { type IdentityContext, requireUser } from "@ocelli/chassis";
import type { authV1 } from "@ocelli/contracts";
import type { AuditEntries, AuditEntryPage } from "../audit-entries.ts";

/** The gRPC face of the audit log. */
export function createAuditHandlers({
  auditEntries,
}: {
  auditEntries: AuditEntries;
}): authV1.AuditServiceImplementation<IdentityContext> {
  return {
    listAudit: async (request) => toPage(await auditEntries.list(request)),
    listActivity: async (request, { identity }) =>
      toPage(await auditEntries.activity(requireUser(identity), request)),
  };
}

function toPage({ entries, nextPageToken }: AuditEntryPage) {
  return {
    entries: entries.map((entry) => ({ ...entry, subjectUserId: entry.subjectUserId ?? "" })),
    nextPageToken,
  };
}
