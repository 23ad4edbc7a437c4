import { setting, settingTypes } from "@ocelli/chassis";

const dayMs = 86_400_000;

/** Settings of the audit log. */
export const auditSettings = {
  auditRetentionMs: setting(
    "AUDIT_RETENTION",
    // The store itself refuses to delete what is younger than 30 days.
    settingTypes.duration.refine(
      (ms) => ms >= 30 * dayMs && ms <= 36_500 * dayMs,
      "must be from 30d to 36500d",
    ),
    {
      default: 400 * dayMs,
      defaultDoc: "400d",
      doc: "Entries of the audit log older than this are deleted; at least 30d.",
    },
  ),
};
