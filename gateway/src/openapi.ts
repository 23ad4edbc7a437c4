/** What the OpenAPI document says besides the routes. */
export const openApiConfig = {
  openapi: "3.1.0",
  info: {
    title: "Ocelli",
    version: "0.1.0",
    description:
      "Put a photo in, get captions, faces, scenes, objects, text and search out. Errors are `application/problem+json` (RFC 9457) with a stable `reason`.",
    license: { name: "Apache-2.0", identifier: "Apache-2.0" },
  },
  servers: [{ url: "/" }],
  tags: [
    { name: "auth", description: "Accounts and sessions." },
    { name: "users", description: "The calling user." },
    { name: "photos", description: "Photos and their bytes." },
    { name: "results", description: "What was seen in a photo." },
    { name: "stream", description: "Results as they come about." },
    { name: "detect", description: "Detection without storing." },
    { name: "search", description: "Finding photos." },
    { name: "operations", description: "Running the server." },
  ],
};

/** How requests prove who makes them. */
export const securityScheme = {
  type: "http",
  scheme: "bearer",
  bearerFormat: "JWT",
  description: "Access token of `POST /api/v1/auth/login`.",
} as const;
