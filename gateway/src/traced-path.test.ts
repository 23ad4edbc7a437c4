import { Hono } from "hono";
import { expect, it } from "vitest";
import type { GatewayEnv } from "./context.ts";
import { createPathTrace } from "./traced-path.ts";

const app = new Hono<GatewayEnv>();
for (const path of ["/api/v1/people/:id", "/.well-known/jwks.json", "/x/:file{[0-9a-f]{4}\\.json}"])
  app.get(path, (c) => c.text(""));
const tracePath = createPathTrace(app);
const id = "01a1ff46-9b3d-7b0a-8d25-7183a05ddda2";

it.each([
  [`/api/v1/people/${id}`, `/api/v1/people/${id}`],
  ["/.well-known/jwks.json", "/.well-known/jwks.json"],
  ["/api/v1/people/Maria", "/api/v1/people/*"],
  ["/api/v1/people/maria@example.org/y", "/api/v1/people/*/*"],
  ["/x/12ab.json", "/x/*"],
  ["/", "/"],
  [`/api/v1/people/${id}x`, "/api/v1/people/*"],
])("of %s it traces %s", (path, traced) => {
  expect(tracePath(path)).toBe(traced);
});

it("traces long paths shortened", () => {
  expect(tracePath(`/api${"/v1".repeat(500)}`).length).toBeLessThanOrEqual(256);
  expect(tracePath(`/${"a".repeat(100_000)}`)).toBe("/*");
});
