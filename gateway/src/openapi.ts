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
    { name: "two-factor", description: "Codes beside the password." },
    { name: "oidc", description: "Login through an OpenID Connect provider." },
    { name: "users", description: "The calling user, and users for administrators." },
    { name: "api-keys", description: "Keys for programs of the calling user." },
    { name: "service-accounts", description: "Programs that call over gRPC; for administrators." },
    { name: "audit", description: "Who did what, when and from where; for administrators." },
    { name: "photos", description: "Photos and their bytes." },
    { name: "albums", description: "Nested picture sets, and with whom they are shared." },
    { name: "links", description: "What visitors of public links see; they have no account." },
    { name: "uploads", description: "Uploads in pieces that survive a lost connection (tus 1.0)." },
    { name: "results", description: "What was seen in a photo." },
    { name: "stream", description: "Results as they come about." },
    { name: "webhooks", description: "Results sent to an address of yours, signed." },
    { name: "detect", description: "Detection without storing." },
    { name: "jobs", description: "Work over many photos, watched as one." },
    { name: "people", description: "Who is on the caller's photos; humans have the last word." },
    { name: "faces", description: "Single faces, and whose they are." },
    { name: "search", description: "Finding photos." },
    { name: "smart-albums", description: "Searches kept under a name." },
    { name: "search-index", description: "The index behind the search; for administrators." },
    { name: "operations", description: "Running the server." },
  ],
};

/** How requests prove who makes them; one of them, never two at once. */
export const securitySchemes = {
  bearer: {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description: "Access token of `POST /api/v1/auth/login`.",
  },
  apiKey: {
    type: "apiKey",
    in: "header",
    name: "X-API-Key",
    description: "Key of `POST /api/v1/api-keys`; opens what its scopes open.",
  },
  cookie: {
    type: "apiKey",
    in: "cookie",
    name: "__Host-ocelli-access",
    description:
      "Set by a login with `cookies` (`ocelli-access` over plain http). Requests that change something " +
      "also need `X-CSRF-Token`.",
  },
} as const;
