import { createHmac, timingSafeEqual } from "node:crypto";
import { permissionDenied } from "@ocelli/chassis";
import type { GatewayContext } from "./context.ts";

const purpose = "ocelli csrf v1";
const safeMethods: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * The token that a page must send along with a session cookie. It follows from the cookie, which no other site can read
 * and no script at all, so nothing is stored and every replica knows it. 43 base64url characters.
 */
export function csrfTokenOf(cookie: string): string {
  return createHmac("sha256", cookie).update(purpose).digest("base64url");
}

/** True for methods that change nothing, for which the cookie alone suffices. */
export function isSafeMethod(method: string): boolean {
  return safeMethods.has(method);
}

/**
 * Lets a request with a session cookie change something.
 * @throws AppError PERMISSION_DENIED/{CROSS_SITE_REQUEST,CSRF_TOKEN_REQUIRED,INVALID_CSRF_TOKEN}.
 */
export function requireCsrfToken(c: GatewayContext, cookie: string): void {
  requireOwnSite(c);
  const given = c.req.header("x-csrf-token");
  if (!given) {
    throw permissionDenied("CSRF_TOKEN_REQUIRED", "Requests with a session cookie need X-CSRF-Token.");
  }
  const expected = Buffer.from(csrfTokenOf(cookie));
  const actual = Buffer.from(given);
  if (actual.length !== expected.length || !timingSafeEqual(actual, expected)) {
    throw permissionDenied("INVALID_CSRF_TOKEN", "The CSRF token does not belong to the session cookie.");
  }
}

/**
 * Refuses what a browser sends for a page that is neither ours nor listed in CORS_ORIGINS. Clients that are no browsers
 * send neither header.
 * @throws AppError PERMISSION_DENIED/CROSS_SITE_REQUEST.
 */
export function requireOwnSite(c: GatewayContext): void {
  const origin = c.req.header("origin");
  const site = c.req.header("sec-fetch-site");
  const { isListed, publicOrigin } = c.get("cookiePolicy");
  if (origin !== undefined) {
    if (isListed(origin) || origin === publicOrigin || isOwnOrigin(c, origin)) return;
    throw crossSite();
  }
  // `none` is a person at the address bar, who changes nothing that way.
  if (site !== undefined && site !== "same-origin") throw crossSite();
}

/** The cookie would not have been sent to a host of another name, so the Host header can be believed here. */
function isOwnOrigin(c: GatewayContext, origin: string): boolean {
  const url = URL.parse(origin);
  if (url?.origin !== origin || url.host !== c.req.header("host")?.toLowerCase()) return false;
  return url.protocol === "https:" || (url.protocol === "http:" && !c.get("secure"));
}

function crossSite() {
  return permissionDenied("CROSS_SITE_REQUEST", "Another site's page may not use the session cookie.");
}
