import { createRoute, z } from "@hono/zod-openapi";
import { callOptions } from "../context.ts";
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
  const { results } = deps;
  router.openapi(resultRoute(deps, "caption", "The caption", captionSchema), async (c) =>
    c.json(await results.caption(c.req.valid("param").id, callOptions(c)), 200),
  );
  router.openapi(resultRoute(deps, "text", "The text in the picture", textSchema), async (c) =>
    c.json(await results.text(c.req.valid("param").id, callOptions(c)), 200),
  );
  router.openapi(resultRoute(deps, "faces", "The faces, largest first", items(faceSchema)), async (c) =>
    c.json(onePage(await results.faces(c.req.valid("param").id, callOptions(c))), 200),
  );
  router.openapi(resultRoute(deps, "scene", "Scene labels and tags", sceneSchema), async (c) => {
    const { scene } = await results.scene(c.req.valid("param").id, callOptions(c));
    return c.json(scene, 200);
  });
  router.openapi(resultRoute(deps, "objects", "Objects, best first", items(objectSchema)), async (c) => {
    const { objects } = await results.scene(c.req.valid("param").id, callOptions(c));
    return c.json(onePage(objects), 200);
  });
  router.openapi(
    resultRoute(deps, "colors", "Dominant colours, largest share first", items(colorSchema)),
    async (c) => {
      const { colors } = await results.scene(c.req.valid("param").id, callOptions(c));
      return c.json(onePage(colors), 200);
    },
  );
  return router;
}

function resultRoute<Name extends string, S extends z.ZodType>(
  { authenticate }: RouteDeps,
  name: Name,
  summary: string,
  schema: S,
) {
  return createRoute({
    method: "get",
    path: `/photos/{id}/${name}`,
    tags: ["results"],
    summary,
    description: "404 until the result exists.",
    security: bearer,
    middleware: [authenticate],
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
