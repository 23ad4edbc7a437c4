import { randomBytes } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { getCookie } from "hono/cookie";
import type { GatewayContext, GatewayEnv } from "./context.ts";

// As long as a login at the provider may take.
const maxAgeSeconds = 600;
const secretPattern = /^[A-Za-z0-9_-]{43}$/;

/**
 * Gives the browser that begins a login a secret of its own, so that nobody can finish in another browser what was begun
 * here, or have it finish theirs. Lax, not Strict: the browser comes back from the provider's site.
 * @returns the secret: 256 random bits as 43 base64url characters.
 */
export function setBrowserSecret(c: GatewayContext): string {
  const secret = randomBytes(32).toString("base64url");
  c.header("set-cookie", cookie(c, secret, maxAgeSeconds), { append: true });
  return secret;
}

/** The secret of the browser; `undefined` when it began no login, or too long ago. */
export function readBrowserSecret(c: GatewayContext): string | undefined {
  const value = getCookie(c, cookieName(c));
  return value !== undefined && secretPattern.test(value) ? value : undefined;
}

/** Makes the browser forget its secret whatever the answer is: each serves one login. */
export function forgetBrowserSecret(): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    await next();
    c.header("set-cookie", cookie(c, "", 0), { append: true });
  };
}

function cookie(c: GatewayContext, value: string, maxAge: number): string {
  const secure = isSecure(c) ? "; Secure" : "";
  return `${cookieName(c)}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Lax${secure}`;
}

/** The prefix makes browsers refuse a cookie that another host of the domain, or plain http, tries to set. */
function cookieName(c: GatewayContext): string {
  return isSecure(c) ? "__Host-ocelli-oidc" : "ocelli-oidc";
}

function isSecure(c: GatewayContext): boolean {
  const { mode, publicOrigin } = c.get("cookiePolicy");
  return mode === "secure" || (mode === "off" && publicOrigin.startsWith("https:"));
}
