import { createRoute, z } from "@hono/zod-openapi";
import type { MiddlewareHandler } from "hono";
import { callOptions, type GatewayEnv } from "../context.ts";
import { answerTus } from "../tus/answer-tus.ts";
import { required } from "../views/required.ts";
import { bearer, createRouter, json, problemResponse, type RouteDeps } from "./shared.ts";

const uploadSchema = z
  .object({
    id: z.uuid(),
    sizeBytes: z.int(),
    offset: z.int().openapi({ description: "Bytes received." }),
    filename: z.string(),
    albumId: z.uuid().nullable(),
    expiresAt: z.iso.datetime().openapi({ description: "When it is dropped unless it goes on." }),
    photoId: z.uuid().nullable().openapi({ description: "The photo, once it was taken in." }),
  })
  .openapi("Upload");

const idParam = z.strictObject({
  id: z
    .uuid()
    .toLowerCase()
    .openapi({ param: { name: "id", in: "path" }, description: "Upload id." }),
});

const tusVersion = "1.0.0";

/** Every answer says the version, errors included. */
const sayVersion: MiddlewareHandler<GatewayEnv> = async (c, next) => {
  await next();
  c.header("tus-resumable", tusVersion);
};

/** Uploads in pieces that survive a lost connection: the tus protocol. */
export function tusRoutes(deps: RouteDeps) {
  const { clients, requireScope } = deps;
  const router = createRouter({ reason: "UPLOAD_NOT_FOUND", message: "There is no such upload." });
  const admit = requireScope("photos:write", "upload");
  const gate = [sayVersion, admit];
  const answerHead: MiddlewareHandler<GatewayEnv> = async (c, next) =>
    c.req.method === "HEAD" ? answerTus(deps, c, c.req.param("id")?.toLowerCase()) : next();

  for (const path of ["/uploads", "/uploads/:id"]) {
    router.options(path, sayVersion, (c) => answerTus(deps, c));
  }
  router.openapi(createUploadRoute(gate), (c) => answerTus(deps, c));
  router.openapi(statusRoute([...gate, answerHead]), async (c) => {
    const { id } = c.req.valid("param");
    const { upload } = await clients.uploads.getUpload({ uploadId: id }, callOptions(c));
    const { albumId, photoId, expiresAt, ...rest } = required(upload, "upload");
    const view = {
      ...rest,
      albumId: albumId || null,
      photoId: photoId || null,
      expiresAt: required(expiresAt, "expires_at").toISOString(),
    };
    return c.json(view, 200, { "cache-control": "no-store" });
  });
  router.openapi(appendRoute(gate), (c) => answerTus(deps, c, c.req.valid("param").id));
  router.openapi(dropRoute(gate), (c) => answerTus(deps, c, c.req.valid("param").id));
  return router;
}

type Middleware = MiddlewareHandler<GatewayEnv>[];
const protocol = "See https://tus.io/protocols/resumable-upload; any tus client does this.";
const bytes = {
  content: { "application/offset+octet-stream": { schema: { type: "string" as const, format: "binary" } } },
};

function createUploadRoute(middleware: Middleware) {
  return createRoute({
    method: "post",
    path: "/uploads",
    tags: ["uploads"],
    summary: "Open a resumable upload",
    description: `${protocol} Metadata: \`filename\`, \`albumId\`. Extensions: creation, creation-with-upload, expiration, termination.`,
    security: bearer,
    middleware,
    responses: { 201: { description: "`Location` is where the bytes go." }, ...problemResponse },
  });
}

function statusRoute(middleware: Middleware) {
  return createRoute({
    method: "get",
    path: "/uploads/{id}",
    tags: ["uploads"],
    summary: "How far an upload has come",
    description: "HEAD answers as the tus protocol says.",
    security: bearer,
    middleware,
    request: { params: idParam },
    responses: { 200: json("The upload.", uploadSchema), ...problemResponse },
  });
}

function appendRoute(middleware: Middleware) {
  return createRoute({
    method: "patch",
    path: "/uploads/{id}",
    tags: ["uploads"],
    summary: "Add bytes to an upload",
    description: `${protocol} With the last byte the photo is stored; \`Ocelli-Photo-Id\` names it.`,
    security: bearer,
    middleware,
    request: { params: idParam, body: { ...bytes, required: true } },
    responses: { 204: { description: "`Upload-Offset` says how far it has come." }, ...problemResponse },
  });
}

function dropRoute(middleware: Middleware) {
  return createRoute({
    method: "delete",
    path: "/uploads/{id}",
    tags: ["uploads"],
    summary: "Drop an upload",
    security: bearer,
    middleware,
    request: { params: idParam },
    responses: { 204: { description: "Dropped." }, ...problemResponse },
  });
}
