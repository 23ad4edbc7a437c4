import { z } from "@hono/zod-openapi";

/** A picture set. */
export const albumSchema = z
  .object({
    id: z.uuid(),
    ownerId: z.uuid(),
    name: z.string(),
    description: z.string(),
    parentId: z
      .uuid()
      .nullable()
      .openapi({ description: "Album above; `null` at the top, and where the caller may not see it." }),
    coverPhotoId: z
      .uuid()
      .nullable()
      .openapi({ description: "The one chosen, else the photo added last; `null` without photos." }),
    photoCount: z.int().openapi({ description: "Photos in it, without those of albums below." }),
    albumCount: z.int().openapi({ description: "Albums directly below." }),
    role: z
      .enum(["owner", "contributor", "viewer"])
      .openapi({ description: "What the caller may do: contributors also add photos of their own." }),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi("Album");

/** A picture set with those above it. */
export const albumWithAncestorsSchema = albumSchema
  .extend({
    ancestors: z
      .array(albumSchema)
      .openapi({ description: "Albums above it that the caller may see, the top first." }),
  })
  .openapi("AlbumWithAncestors");

/** What became of a deleted album. */
export const deletedAlbumSchema = z
  .object({
    albums: z.int().openapi({ description: "Albums deleted." }),
    photos: z.int().openapi({ description: "Photos hidden or put into the trash." }),
  })
  .openapi("DeletedAlbum");

/** Photos that went into an album or came out of it. */
export const changedPhotosSchema = z.object({ photoIds: z.array(z.uuid()) }).openapi("AlbumPhotos");

/** A user an album is shared with. */
export const albumShareSchema = z
  .object({
    userId: z.uuid(),
    name: z.string().nullable().openapi({ description: "`null` when it cannot be told just now." }),
    role: z.enum(["contributor", "viewer"]),
    createdAt: z.iso.datetime(),
  })
  .openapi("AlbumShare");

/** A public link without its secret. */
export const albumLinkSchema = z
  .object({
    id: z.uuid(),
    hasPassword: z.boolean(),
    originals: z
      .boolean()
      .openapi({ description: "Whether visitors may load originals, not only previews." }),
    expiresAt: z.iso.datetime().nullable(),
    createdAt: z.iso.datetime(),
  })
  .openapi("AlbumLink");

/** A public link just made. */
export const createdAlbumLinkSchema = albumLinkSchema
  .extend({
    secret: z.string().openapi({ description: "Opens the link; shown this once." }),
    url: z.string().openapi({ description: "Page for visitors; the secret stays behind the `#`." }),
  })
  .openapi("CreatedAlbumLink");

/** A visit of a public link. */
export const visitSchema = z
  .object({ expiresIn: z.int().openapi({ description: "Seconds until the link has to be opened again." }) })
  .openapi("LinkVisit");

/** What a visitor sees. */
export const linkedAlbumSchema = z
  .object({
    name: z.string(),
    description: z.string(),
    originals: z.boolean().openapi({ description: "Whether originals may be loaded." }),
    items: z.array(z.object({ id: z.uuid(), width: z.int(), height: z.int() })),
    nextPageToken: z.string().openapi({ description: "Empty on the last page." }),
  })
  .openapi("LinkedAlbum");

/** An album as clients see it. */
export type AlbumApiView = z.infer<typeof albumSchema>;
/** A share as clients see it. */
export type AlbumShareView = z.infer<typeof albumShareSchema>;
/** A link as clients see it. */
export type AlbumLinkView = z.infer<typeof albumLinkSchema>;
