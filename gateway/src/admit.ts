import type { Admission, LoadClass } from "@ocelli/chassis";
import { routePath } from "hono/route";
import type { GatewayContext } from "./context.ts";
import type { RouteClass } from "./rate-limits.ts";

/** How important a request is when there is too much, by the class it is counted in. */
const byRouteClass: Readonly<Record<RouteClass, LoadClass>> = {
  auth: "critical",
  read: "critical",
  write: "interactive",
  search: "interactive",
  admin: "interactive",
  upload: "upload",
  analyze: "heavy",
};

/** Routes that cost more than the others they are counted with, or that nobody waits for. */
const byRoute: Readonly<Record<string, LoadClass>> = {
  "GET /api/v1/export": "heavy",
  "GET /api/v1/photos/:id/annotated": "heavy",
  "GET /api/v1/people/:id/export": "heavy",
  "GET /api/v1/duplicates": "heavy",
  "POST /api/v1/faces/search": "heavy",
  "POST /api/v1/search/by-image": "heavy",
  "POST /api/v1/detect/batch": "background",
  "POST /api/v1/jobs": "background",
  "POST /api/v1/people/regroup": "background",
  "POST /api/v1/search/index/models": "background",
  "POST /api/v1/search/index/compare": "background",
  "POST /api/v1/search/index/rebuild": "background",
};

/** How important a request is when there is too much. */
export function loadClassOf(route: string, name: RouteClass): LoadClass {
  return byRoute[route] ?? byRouteClass[name];
}

/**
 * Does the work of a request if there is room for it, and counts it until its answer begins.
 * @throws AppError RESOURCE_EXHAUSTED/OVERLOADED, before anything of the body is read.
 */
export async function admit(
  admission: Admission,
  c: GatewayContext,
  name: RouteClass,
  work: () => Promise<void>,
): Promise<void> {
  // Routes under `/auth/` that need a user pass two doors.
  if (c.get("admitted")) return work();
  // What HEAD asks for is made as for GET.
  const method = c.req.method === "HEAD" ? "GET" : c.req.method;
  const leave = admission.enter(loadClassOf(`${method} ${routePath(c)}`, name));
  c.set("admitted", true);
  try {
    await work();
  } finally {
    leave();
  }
}
