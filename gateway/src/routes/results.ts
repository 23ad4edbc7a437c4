import { createRoute, z } from "@hono/zod-openapi";
import { callOptions, type GatewayContext } from "../context.ts";
import type { PhotoResults, ResultCallOptions } from "../photo-results.ts";
import { readResult } from "../shared-results.ts";
import {
  captionSchema,
  colorSchema,
  faceSchema,
  objectSchema,
  sceneSchema,
  textSchema,
} from "../views/schemas.ts";
import { bearer, createRouter, json, photoIdParam, problemResponse, type RouteDeps } from "./shared.ts";

/** One route per result; 404 until the result exists. */
export function resultRoutes(deps: RouteDeps) {
  const router = createRouter();
  router.openapi(resultRoute(deps, "caption", "The caption", captionSchema), async (c) =>
    c.json(await fetchResult(deps, c, c.req.valid("param").id, (results) => results.caption), 200),
  );
  router.openapi(resultRoute(deps, "text", "The text in the picture", textSchema), async (c) =>
    c.json(await fetchResult(deps, c, c.req.valid("param").id, (results) => results.text), 200),
  );
  router.openapi(resultRoute(deps, "faces", "The faces, largest first", items(faceSchema)), async (c) =>
    c.json(onePage(await fetchResult(deps, c, c.req.valid("param").id, (results) => results.faces)), 200),
  );
  router.openapi(resultRoute(deps, "scene", "Scene labels and tags", sceneSchema), async (c) => {
    const { scene } = await fetchResult(deps, c, c.req.valid("param").id, (results) => results.scene);
    return c.json(scene, 200);
  });
  router.openapi(resultRoute(deps, "objects", "Objects, best first", items(objectSchema)), async (c) => {
    const { objects } = await fetchResult(deps, c, c.req.valid("param").id, (results) => results.scene);
    return c.json(onePage(objects), 200);
  });
  router.openapi(
    resultRoute(deps, "colors", "Dominant colours, largest share first", items(colorSchema)),
    async (c) => {
      const { colors } = await fetchResult(deps, c, c.req.valid("param").id, (results) => results.scene);
      return c.json(onePage(colors), 200);
    },
  );
  return router;
}

/** A result; a photo that is not there for the caller is told from one that is not analysed yet. */
function fetchResult<T>(
  deps: RouteDeps,
  c: GatewayContext,
  photoId: string,
  pick: (results: PhotoResults) => (photoId: string, options: ResultCallOptions) => Promise<T>,
): Promise<T> {
  return readResult(deps, c, { ...callOptions(c), photoId }, pick);
}

function resultRoute<Name extends string, S extends z.ZodType>(
  { requireScope }: RouteDeps,
  name: Name,
  summary: string,
  schema: S,
) {
  return createRoute({
    method: "get",
    path: `/photos/{id}/${name}`,
    tags: ["results"],
    summary,
    description: "404 until the result exists, with a reason that tells this from an unknown photo.",
    security: bearer,
    middleware: [requireScope("photos:read")],
    request: { params: photoIdParam },
    responses: { 200: json(summary, schema), ...problemResponse },
  });
}

// A photo has a bounded number of each, so these lists have no pages.
function items<S extends z.ZodType>(item: S) {
  return z.object({ items: z.array(item), nextPageToken: z.literal("") });
}

function onePage<T>(list: T[]): { items: T[]; nextPageToken: "" } {
  return { items: list, nextPageToken: "" };
}
