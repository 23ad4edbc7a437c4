import { setting, settingTypes } from "@ocelli/chassis";

const { duration, integer } = settingTypes;

/** Settings of uploads in pieces. */
export const uploadSettings = {
  maxOpenUploads: setting("MAX_OPEN_UPLOADS", integer(1, 10_000), {
    default: 20,
    doc: "Unfinished resumable uploads of one user; each may take as much disk as the largest photo.",
  }),
  uploadLifetimeMs: setting("UPLOAD_LIFETIME", duration, {
    default: 86_400_000,
    defaultDoc: "24h",
    doc: "How long a resumable upload that does not go on is kept.",
  }),
};
