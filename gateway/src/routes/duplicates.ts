import { createRoute, z } from "@hono/zod-openapi";
import { searchV1 } from "@ocelli/contracts";
import { callOptions } from "../context.ts";
import { door, empty, jsonBody, problems } from "./account-route.ts";
import { id } from "./inputs.ts";
import { createRouter, json, listOf, pageQuery, type RouteDeps } from "./shared.ts";

const { DuplicateKind } = searchV1;

const kinds = {
  all: DuplicateKind.DUPLICATE_KIND_UNSPECIFIED,
  exact: DuplicateKind.DUPLICATE_KIND_EXACT,
  near: DuplicateKind.DUPLICATE_KIND_NEAR,
} as const;

const listQuery = z.strictObject({
  kind: z
    .enum(["all", "exact", "near"])
    .default("all")
    .openapi({ description: "The same bytes, or the same picture in another size, format or quality." }),
  ...pageQuery,
});

const photosBody = z.strictObject({ photoIds: z.array(id).min(2).max(100) }).openapi("DuplicatePhotoIds");

const groupSchema = z
  .object({
    id: z.string().openapi({ description: "Stays the same while the group's photos do." }),
    kind: z.enum(["EXACT", "NEAR"]),
    photos: z.array(
      z.object({
        photoId: z.string(),
        best: z.boolean().openapi({ description: "Suggested to keep: most pixels, sharpest, largest file." }),
        similarity: z.number().openapi({ description: "To the suggested one, 0..1." }),
        width: z.int(),
        height: z.int(),
        sizeBytes: z.int(),
        sharpness: z.number().openapi({ description: "0..1." }),
      }),
    ),
  })
  .openapi("DuplicateGroup");

/** Photos that the caller has more than once. */
export function duplicateRoutes(deps: RouteDeps) {
  const { duplicates } = deps.clients;
  const router = createRouter();
  router.openapi(listRoute(deps), async (c) => {
    const { kind, ...page } = c.req.valid("query");
    const answer = await duplicates.listDuplicates({ ...page, kind: kinds[kind] }, callOptions(c));
    return c.json({ items: answer.groups.map(toGroupView), nextPageToken: answer.nextPageToken }, 200);
  });
  router.openapi(decideRoute(deps, "keep", "Keep all of several photos"), async (c) => {
    await duplicates.keepDuplicates(c.req.valid("json"), callOptions(c));
    return c.body(null, 204);
  });
  router.openapi(decideRoute(deps, "unkeep", "Show photos as duplicates again"), async (c) => {
    await duplicates.unkeepDuplicates(c.req.valid("json"), callOptions(c));
    return c.body(null, 204);
  });
  return router;
}

function toGroupView({ id: groupId, kind, photos }: searchV1.DuplicateGroup): z.infer<typeof groupSchema> {
  return {
    id: groupId,
    kind: kind === DuplicateKind.DUPLICATE_KIND_EXACT ? "EXACT" : "NEAR",
    photos: photos.map(({ photoId, best, similarity, width, height, sizeBytes, sharpness }) => ({
      ...{ photoId, best, similarity, width, height, sizeBytes, sharpness },
    })),
  };
}

function listRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/duplicates",
    tags: ["search"],
    summary: "Groups of photos that are the same or nearly so",
    description: "Groups whose photos were all kept are left out.",
    ...door(deps, "search"),
    request: { query: listQuery },
    responses: {
      200: json("Newest group first.", listOf(groupSchema)),
      ...problems({ 400: "`INVALID_PAGE_TOKEN`" }),
    },
  });
}

function decideRoute(deps: RouteDeps, decision: "keep" | "unkeep", summary: string) {
  return createRoute({
    method: "post",
    path: `/duplicates/${decision}`,
    tags: ["search"],
    summary,
    description: "Remembered for each pair of them, whatever is analysed again.",
    ...door(deps, "photos:write", "json"),
    request: { body: jsonBody(photosBody) },
    responses: { 204: empty("Remembered."), ...problems({ 404: "`PHOTO_NOT_FOUND`" }) },
  });
}
