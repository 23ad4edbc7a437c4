import { setting, settingTypes } from "@ocelli/chassis";
import { z } from "zod";

const { duration, integer } = settingTypes;

const mediaTypeList: z.ZodType<string[], string> = z.string().transform((text, context) => {
  const types = text.split(",").flatMap((part) => part.trim().toLowerCase() || []);
  if (types.every((type) => /^image\/[a-z0-9.+-]+$/.test(type))) return types;
  context.addIssue("must be comma-separated media types such as image/jpeg,image/png");
  return z.NEVER;
});

/** What owners may do with their photos, and which photos are taken. */
export const photoSettings = {
  trashRetentionMs: setting("TRASH_RETENTION", duration, {
    default: 30 * 86_400_000,
    defaultDoc: "30d",
    doc: "How long photos stay in the trash before they are deleted for good.",
  }),
  uploadMediaTypes: setting("UPLOAD_MEDIA_TYPES", mediaTypeList, {
    default: [],
    defaultDoc: "all that can be read",
    doc: "Comma-separated media types that are taken, e.g. image/jpeg,image/png; others are refused with MEDIA_TYPE_NOT_ALLOWED.",
  }),
  uploadMinSide: setting("UPLOAD_MIN_SIDE", integer(0, 1_000_000), {
    default: 0,
    doc: "Least pixels of a photo's shorter side; smaller ones are refused with IMAGE_TOO_SMALL.",
  }),
  uploadMaxSide: setting("UPLOAD_MAX_SIDE", integer(0, 1_000_000), {
    default: 0,
    doc: "Most pixels of a photo's longer side; larger ones are refused with IMAGE_TOO_LARGE. 0 is unlimited.",
  }),
};
