import type { createRoute } from "@hono/zod-openapi";
import { OpenAPIHono, z } from "@hono/zod-openapi";
import { type AppError, type Logger, notFound, type Revocations, type TokenVerifier } from "@ocelli/chassis";
import type { Gate } from "../authentication.ts";
import type { Clients } from "../clients.ts";
import type { GatewayConfig } from "../config.ts";
import type { GatewayEnv } from "../context.ts";
import type { PhotoWatch } from "../live/photo-watch.ts";
import type { UserWatch } from "../live/user-watch.ts";
import type { PhotoResults } from "../photo-results.ts";
import { problemMediaType, problemSchema, validationError } from "../problem.ts";
import type { Slots } from "../slots.ts";

/**
 * What every group of routes is built from. Each route that needs a user begins its `middleware` with one of the gate's:
 * `requireScope("photos:read")` for what reads photos, `requireScope("photos:write", "upload")` for uploads,
 * `requireScope("analyze")`, `requireScope("search")`, `requireScope("admin")`, `requireSession()` for what an API key may
 * not do, `authenticate` for anything else. Routes under `/auth/` are limited by address before that.
 */
export interface RouteDeps extends Gate {
  readonly config: GatewayConfig;
  readonly clients: Clients;
  readonly results: PhotoResults;
  readonly log: Logger;
  readonly verifier: TokenVerifier;
  readonly revocations: Revocations;
  readonly watch: PhotoWatch;
  readonly userWatch: UserWatch;
  readonly watcherSlots: Slots;
  readonly detectionSlots: Slots;
  /** Aborted when the process begins to stop. */
  readonly stopping: AbortSignal;
}

/** How a group of routes calls a thing that does not exist. */
export interface UnknownThing {
  readonly reason: string;
  readonly message: string;
}

const unknownPhoto: UnknownThing = { reason: "PHOTO_NOT_FOUND", message: "There is no such photo." };

/** NOT_FOUND/PHOTO_NOT_FOUND, as the library says it. */
export function photoNotFound(): AppError {
  return notFound(unknownPhoto.reason, unknownPhoto.message);
}

/** A group of routes whose bad input becomes a problem; `unknown` answers path parameters that are no ids. */
export function createRouter(unknown: UnknownThing = unknownPhoto): OpenAPIHono<GatewayEnv> {
  return new OpenAPIHono<GatewayEnv>({
    defaultHook: (result) => {
      if (result.success) return;
      // An id that cannot exist is answered like one that does not.
      if (result.target === "param") throw notFound(unknown.reason, unknown.message);
      throw validationError(result.error);
    },
  });
}

/** `default` response of every route. */
export const problemResponse = {
  default: {
    description: "What went wrong.",
    content: { [problemMediaType]: { schema: problemSchema } },
  },
} as const satisfies Parameters<typeof createRoute>[0]["responses"];

/** OpenAPI security of routes that need a user: any one of these. */
export const bearer = [{ bearer: [] }, { cookie: [] }, { apiKey: [] }];

/** Path parameter of one photo. */
export const photoIdParam = z.strictObject({
  // The services know ids in lower case only.
  id: z
    .uuid()
    .toLowerCase()
    .openapi({ param: { name: "id", in: "path" }, description: "Photo id." }),
});

/** Query of every list: too large a page is clamped by the service, a negative one is refused. */
export const pageQuery = {
  pageSize: z
    .string()
    .regex(/^\d{1,9}$/, "must be a whole number, 0 or more")
    .transform(Number)
    .default(0)
    .openapi({
      type: "integer",
      description: "0 or absent means the default; more than the maximum is clamped.",
    }),
  pageToken: z
    .string()
    .max(2048)
    .default("")
    .openapi({ description: "`nextPageToken` of the previous page." }),
};

/** A JSON response. */
export function json<S extends z.ZodType>(description: string, schema: S) {
  return { description, content: { "application/json": { schema } } };
}

/** A list answer. */
export function listOf<S extends z.ZodType>(item: S) {
  return z.object({
    items: z.array(item),
    nextPageToken: z.string().openapi({ description: "Empty on the last page." }),
  });
}

/** A multipart body with one file and further small fields. Fields must come before the file, which is not buffered. */
export function fileBody(fields: Record<string, { type: "string" | "number"; description: string }> = {}) {
  const file = { type: "string" as const, format: "binary", description: "The image file." };
  return {
    required: true,
    content: {
      "multipart/form-data": {
        schema: { type: "object" as const, properties: { ...fields, file }, required: ["file"] },
      },
    },
  };
}
