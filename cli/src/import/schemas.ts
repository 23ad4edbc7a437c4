import { z } from "zod";

// What an import reads of the answers of a server.

/** A refusal. */
export const problemSchema = z.object({ detail: z.string(), reason: z.string() });
/** Which files are there. */
export const existsSchema = z.object({
  photos: z.array(z.object({ sha256: z.string(), photoId: z.string() })),
});
/** A photo that was sent. */
export const uploadedSchema = z.object({ id: z.string(), duplicate: z.boolean() });
/** An album. */
export const albumSchema = z.object({ id: z.string(), name: z.string() });
/** Albums of the top. */
export const albumPageSchema = z.object({ items: z.array(albumSchema), nextPageToken: z.string() });
/** Whatever it says. */
export const anySchema = z.unknown();
