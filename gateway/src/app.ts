import { OpenAPIHono } from "@hono/zod-openapi";
import type { Admission, Metrics } from "@ocelli/chassis";
import type { MiddlewareHandler } from "hono";
import { admit } from "./admit.ts";
import { createGate, type Gate, type GateDeps } from "./authentication.ts";
import { type GatewayContext, type GatewayEnv, startBudget } from "./context.ts";
import { allowOrigins } from "./cors.ts";
import { refuseCredentialsInUrl } from "./credentials-in-url.ts";
import { lingeringBody } from "./lingering-answer.ts";
import { refuseUnknownRoute } from "./not-found.ts";
import { openApiConfig, securitySchemes } from "./openapi.ts";
import { problemHeaders, toAppError, toHttpStatus, toProblem } from "./problem.ts";
import { type RateLimits, type RouteClass, takeByAddress } from "./rate-limits.ts";
import type { Readiness } from "./readiness.ts";
import { describeOrigin } from "./request-origin.ts";
import { accountPageRoutes } from "./routes/account-pages.ts";
import { albumImportRoutes } from "./routes/album-import.ts";
import { albumPhotoRoutes } from "./routes/album-photos.ts";
import { albumRoutes } from "./routes/albums.ts";
import { annotatedRoutes } from "./routes/annotated.ts";
import { apiKeyRoutes } from "./routes/api-keys.ts";
import { auditRoutes } from "./routes/audit.ts";
import { authRoutes } from "./routes/auth.ts";
import { classifyRoutes } from "./routes/classify.ts";
import { csrfRoutes } from "./routes/csrf.ts";
import { currentUserRoutes } from "./routes/current-user.ts";
import { type DebugDeps, debugRoutes } from "./routes/debug.ts";
import { detectRoutes } from "./routes/detect.ts";
import { detectBatchRoutes } from "./routes/detect-batch.ts";
import { detectJobRoutes } from "./routes/detect-jobs.ts";
import { docsRoutes } from "./routes/docs.ts";
import { duplicateRoutes } from "./routes/duplicates.ts";
import { emailRoutes } from "./routes/email.ts";
import { eventRoutes } from "./routes/events.ts";
import { exportRoutes } from "./routes/export.ts";
import { faceSearchRoutes } from "./routes/face-search.ts";
import { faceRoutes } from "./routes/faces.ts";
import { identityRoutes } from "./routes/identities.ts";
import { jobRoutes } from "./routes/jobs.ts";
import { jwksRoutes } from "./routes/jwks.ts";
import { linkRoutes } from "./routes/links.ts";
import { mergeHistoryRoutes, mergeRoutes } from "./routes/merges.ts";
import { oidcRoutes } from "./routes/oidc.ts";
import { operationRoutes } from "./routes/operations.ts";
import { passwordRoutes } from "./routes/password.ts";
import { peopleRoutes } from "./routes/people.ts";
import { peopleSettingsRoutes } from "./routes/people-settings.ts";
import { personContentRoutes } from "./routes/person-contents.ts";
import { personExportRoutes } from "./routes/person-export.ts";
import { personSuggestionRoutes } from "./routes/person-suggestions.ts";
import { photoChangeRoutes } from "./routes/photo-changes.ts";
import { photoCheckRoutes } from "./routes/photo-checks.ts";
import { photoRoutes } from "./routes/photos.ts";
import { rejectionRoutes } from "./routes/rejections.ts";
import { renditionRoutes } from "./routes/renditions.ts";
import { resultRoutes } from "./routes/results.ts";
import { searchRoutes } from "./routes/search.ts";
import { searchIndexRoutes } from "./routes/search-index.ts";
import { serviceAccountRoutes } from "./routes/service-accounts.ts";
import { sessionRoutes } from "./routes/sessions.ts";
import type { RouteDeps } from "./routes/shared.ts";
import { sharedPageRoutes } from "./routes/shared-page.ts";
import { shareRoutes } from "./routes/shares.ts";
import { similarRoutes } from "./routes/similar.ts";
import { smartAlbumRoutes } from "./routes/smart-albums.ts";
import { suggestionRoutes } from "./routes/suggestions.ts";
import { tusRoutes } from "./routes/tus.ts";
import { twoFactorRoutes } from "./routes/two-factor.ts";
import { usageRoutes } from "./routes/usage.ts";
import { userRoutes } from "./routes/users.ts";
import { visitRoutes } from "./routes/visits.ts";
import { webhookRoutes } from "./routes/webhooks.ts";
import { securityHeaders } from "./security-headers.ts";
import { createPathTrace } from "./traced-path.ts";
import { traceRequests } from "./tracing.ts";

/** What the whole HTTP application is built from. */
export type AppDeps = Omit<RouteDeps, keyof Gate> &
  GateDeps &
  DebugDeps & {
    readonly metrics: Metrics;
    readonly readiness: () => Promise<Readiness>;
  };

/**
 * Puts middleware and routes together: trace, where the request comes from, headers, CORS, limits by address, then
 * routes, which authenticate and limit by user before reading a body.
 */
export function createApp(deps: AppDeps): OpenAPIHono<GatewayEnv> {
  const app = new OpenAPIHono<GatewayEnv>();
  app.use(traceRequests({ ...deps, tracePath: createPathTrace(app) }));
  app.use(limitTime(deps.config.requestTimeoutMs));
  app.use(describeOrigin(deps.config));
  app.use(securityHeaders(deps.config));
  const listed = new Set(deps.config.corsOrigins);
  if (listed.size > 0) app.use("/api/*", allowOrigins(listed));
  app.use(refuseCredentialsInUrl());
  app.use("/api/v1/auth/*", limitByAddress(deps, "auth"));
  // Public, and each asks the auth service.
  for (const path of ["/.well-known/*", "/api/v1/.well-known/*"]) app.use(path, limitByAddress(deps, "read"));
  // Visitors of public links have no account to limit by.
  app.use("/api/v1/links/open", limitByAddress(deps, "auth"));
  for (const path of ["/api/v1/links/album", "/api/v1/links/photos/*"]) {
    app.use(path, limitByAddress(deps, "read"));
  }
  app.onError((error, c) => answerProblem(deps, c, error));
  app.notFound((c) => refuseUnknownRoute(app, c));

  const routeDeps: RouteDeps = { ...deps, ...createGate(deps) };
  const routes = [
    authRoutes,
    passwordRoutes,
    emailRoutes,
    sessionRoutes,
    csrfRoutes,
    twoFactorRoutes,
    oidcRoutes,
    identityRoutes,
    jwksRoutes,
    // Before the accounts by id, for which `me` would be no id.
    currentUserRoutes,
    usageRoutes,
    auditRoutes,
    userRoutes,
    apiKeyRoutes,
    serviceAccountRoutes,
    photoRoutes,
    photoChangeRoutes,
    photoCheckRoutes,
    renditionRoutes,
    tusRoutes,
    exportRoutes,
    annotatedRoutes,
    resultRoutes,
    albumRoutes,
    albumPhotoRoutes,
    albumImportRoutes,
    shareRoutes,
    linkRoutes,
    visitRoutes,
    classifyRoutes,
    detectRoutes,
    detectBatchRoutes,
    detectJobRoutes,
    jobRoutes,
    eventRoutes,
    webhookRoutes,
    // Before the persons by id, for which `suggestions` would be no id.
    personSuggestionRoutes,
    peopleSettingsRoutes,
    peopleRoutes,
    personContentRoutes,
    personExportRoutes,
    mergeRoutes,
    mergeHistoryRoutes,
    faceSearchRoutes,
    faceRoutes,
    rejectionRoutes,
    searchRoutes,
    similarRoutes,
    suggestionRoutes,
    duplicateRoutes,
    smartAlbumRoutes,
    searchIndexRoutes,
  ];
  for (const create of routes) app.route("/api/v1", create(routeDeps));
  app.route("/", jwksRoutes(routeDeps));
  app.route("/", operationRoutes(deps));
  app.route("/", debugRoutes({ ...routeDeps, recorder: deps.recorder }));
  app.route("/", docsRoutes());
  app.route("/", accountPageRoutes());
  app.route("/", sharedPageRoutes());
  for (const [name, scheme] of Object.entries(securitySchemes)) {
    app.openAPIRegistry.registerComponent("securitySchemes", name, scheme);
  }
  app.doc31("/openapi.json", openApiConfig);
  return app;
}

function limitByAddress(
  { limits, admission }: { limits: RateLimits; admission: Admission },
  name: RouteClass,
): MiddlewareHandler<GatewayEnv> {
  return (c, next) =>
    admit(admission, c, name, async () => {
      takeByAddress(limits, name, c);
      await next();
    });
}

function limitTime(requestTimeoutMs: number): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    startBudget(c, requestTimeoutMs);
    await next();
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
