import { z } from "@hono/zod-openapi";
import type { Scope } from "@ocelli/contracts";
import type { MiddlewareHandler } from "hono";
import type { GatewayEnv } from "../context.ts";
import { limitJsonBody } from "../json-body.ts";
import { problemMediaType, problemSchema } from "../problem.ts";
import { problemResponse, type RouteDeps } from "./shared.ts";

/** Header of every answer that carries a secret or depends on one. */
export const noStore = { "cache-control": "no-store" };

/** What a caller needs: a login, or a token with a scope; see `Access` of the contracts. */
type Need = "session" | Scope;
/** Who may use a route: everybody, or who has all that is named. */
type Door = "public" | Need | readonly Need[];

/** What a route lets in: nothing of the body is read before the caller is known to be welcome. */
export function door(deps: RouteDeps, access: Door, body: "none" | "json" | "optional-json" = "none") {
  const middleware: Array<MiddlewareHandler<GatewayEnv>> = [];
  const needs = needsOf(access);
  const scopes = needs.filter((need) => need !== "session");
  if (needs.includes("session")) middleware.push(deps.requireSession());
  if (scopes.length > 0) middleware.push(deps.requireScope(scopes));
  if (body !== "none") {
    middleware.push(limitJsonBody(deps.config.maxJsonBytes, { optional: body === "optional-json" }));
  }
  return { middleware, ...(needs.length === 0 ? {} : { security: securityOf(needs) }) };
}

function needsOf(access: Door): readonly Need[] {
  if (access === "public") return [];
  return typeof access === "string" ? [access] : access;
}

/** OpenAPI security: an API key opens what a scope opens, never what takes a login. */
function securityOf(needs: readonly Need[]): Array<Record<string, string[]>> {
  const session = [{ bearer: [] }, { cookie: [] }];
  return needs.includes("session") ? session : [...session, { apiKey: [] }];
}

/** A JSON body; `required` says whether it may be left out. */
export function jsonBody<S extends z.ZodType>(schema: S) {
  return { required: true as const, content: { "application/json": { schema } } };
}

/** A JSON body that may be left out. */
export function optionalJsonBody<S extends z.ZodType>(schema: S) {
  return { required: false as const, content: { "application/json": { schema } } };
}

interface ProblemAnswer {
  description: string;
  content: { [problemMediaType]: { schema: typeof problemSchema } };
}

/** Documents what may go wrong by status, e.g. `{ 404: "`USER_NOT_FOUND`" }`, besides what may go wrong anywhere. */
export function problems<const D extends Readonly<Record<number, string>>>(
  descriptions: D,
): { [S in keyof D]: ProblemAnswer } & typeof problemResponse {
  const answers = Object.entries(descriptions).map(([status, description]) => [
    status,
    { description, content: { [problemMediaType]: { schema: problemSchema } } },
  ]);
  // The keys are those of `descriptions`, which `fromEntries` forgets.
  return { ...Object.fromEntries(answers), ...problemResponse } as {
    [S in keyof D]: ProblemAnswer;
  } & typeof problemResponse;
}

/** An answer without a body. */
export function empty(description: string) {
  return { description };
}

/** Path parameter that names one thing. */
export function idParam(description: string) {
  return z.strictObject({
    // The services know ids in lower case only.
    id: z
      .uuid()
      .toLowerCase()
      .openapi({ param: { name: "id", in: "path" }, description }),
  });
}
