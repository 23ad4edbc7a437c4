import { OpenAPIHono } from "@hono/zod-openapi";
import type { Metrics } from "@ocelli/chassis";
import { cors } from "hono/cors";
import { requireUserToken } from "./authentication.ts";
import type { GatewayContext, GatewayEnv } from "./context.ts";
import { lingeringBody } from "./lingering-answer.ts";
import { refuseUnknownRoute } from "./not-found.ts";
import { openApiConfig, securityScheme } from "./openapi.ts";
import { problemHeaders, toAppError, toHttpStatus, toProblem } from "./problem.ts";
import type { Readiness } from "./readiness.ts";
import { authRoutes } from "./routes/auth.ts";
import { classifyRoutes } from "./routes/classify.ts";
import { detectRoutes } from "./routes/detect.ts";
import { docsRoutes } from "./routes/docs.ts";
import { jwksRoutes } from "./routes/jwks.ts";
import { operationRoutes } from "./routes/operations.ts";
import { photoRoutes } from "./routes/photos.ts";
import { renditionRoutes } from "./routes/renditions.ts";
import { resultRoutes } from "./routes/results.ts";
import { searchRoutes } from "./routes/search.ts";
import type { RouteDeps } from "./routes/shared.ts";
import { securityHeaders } from "./security-headers.ts";
import { traceRequests } from "./tracing.ts";

/** What the whole HTTP application is built from. */
export type AppDeps = Omit<RouteDeps, "authenticate"> & {
  readonly metrics: Metrics;
  readonly readiness: () => Promise<Readiness>;
};

/** Puts middleware and routes together: trace, headers, CORS, then routes, which authenticate before reading a body. */
export function createApp(deps: AppDeps): OpenAPIHono<GatewayEnv> {
  const app = new OpenAPIHono<GatewayEnv>();
  app.use(traceRequests(deps));
  app.use(securityHeaders());
  if (deps.config.corsOrigins) app.use("/api/*", cors(corsOptions(deps.config.corsOrigins)));
  app.onError((error, c) => answerProblem(deps, c, error));
  app.notFound((c) => refuseUnknownRoute(app, c));

  const routeDeps: RouteDeps = { ...deps, authenticate: requireUserToken(deps.verifier) };
  const routes = [
    authRoutes,
    jwksRoutes,
    photoRoutes,
    renditionRoutes,
    resultRoutes,
    classifyRoutes,
    detectRoutes,
    searchRoutes,
  ];
  for (const create of routes) app.route("/api/v1", create(routeDeps));
  app.route("/", jwksRoutes(routeDeps));
  app.route("/", operationRoutes(deps));
  app.route("/", docsRoutes());
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", securityScheme);
  app.doc31("/openapi.json", openApiConfig);
  return app;
}

function corsOptions(origins: string) {
  return {
    origin: origins.split(",").map((origin) => origin.trim()),
    allowHeaders: ["authorization", "content-type", "traceparent", "x-request-id"],
    exposeHeaders: ["etag", "location", "retry-after", "x-request-id", "x-trace-id"],
    maxAge: 600,
  };
}

function answerProblem({ log }: AppDeps, c: GatewayContext, thrown: unknown): Response {
  const error = toAppError(thrown);
  const status = toHttpStatus(error);
  if (status === 500) log.error({ err: thrown, traceId: c.get("traceId") }, "request failed");
  const headers = new Headers(problemHeaders(error));
  if (c.get("allow")) headers.set("allow", c.get("allow"));
  const text = JSON.stringify(toProblem(error, c.get("traceId")));
  headers.set("content-length", String(Buffer.byteLength(text)));
  return new Response(lingeringBody(c, text), { status, headers });
}
