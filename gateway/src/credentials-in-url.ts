import { invalidArgument } from "@ocelli/chassis";
import type { MiddlewareHandler } from "hono";
import type { GatewayEnv } from "./context.ts";

// Without case, `-` and `_`.
const refusedNames: ReadonlySet<string> = new Set([
  "accesstoken",
  "apikey",
  "authorization",
  "bearer",
  "clientsecret",
  "csrftoken",
  "idtoken",
  "jwt",
  "newpassword",
  "passwd",
  "password",
  "refreshtoken",
  "secret",
  "token",
  "xapikey",
  "xcsrftoken",
]);
const secretText =
  /ocelli_(?:ak|rt|sa|at|pl|lv)_[A-Za-z0-9_-]{16,}|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+/g;

/** Text with every token and key of ours in it made unreadable, for logs and traces. */
export function withoutSecrets(text: string): string {
  return text.replace(secretText, "[redacted]");
}

// OpenID providers send a code here that works once and only with the browser's own secret; what it looks like is up to them.
const exceptPath = "/api/v1/auth/oidc/callback";

/**
 * Refuses credentials in the query, where logs, histories and Referer headers of others would keep them. Refusing is what
 * makes a client stop: whoever gets away with it once does it always.
 */
export function refuseCredentialsInUrl(): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    const query = c.req.url.indexOf("?");
    if (query >= 0 && c.req.path !== exceptPath && hasCredentials(c.req.url.slice(query + 1))) {
      throw invalidArgument(
        "CREDENTIALS_IN_URL",
        "Credentials belong into headers or the body, never into an address. Replace what was sent.",
      );
    }
    await next();
  };
}

function hasCredentials(query: string): boolean {
  for (const [name, value] of new URLSearchParams(query)) {
    if (refusedNames.has(name.toLowerCase().replaceAll(/[-_]/g, ""))) return true;
    if (withoutSecrets(value) !== value || withoutSecrets(name) !== name) return true;
  }
  return false;
}
