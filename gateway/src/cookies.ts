import { invalidArgument } from "@ocelli/chassis";
import type { GatewayContext } from "./context.ts";
import { csrfTokenOf, requireOwnSite } from "./csrf.ts";

/** How session cookies are made and judged. */
export interface CookiePolicy {
  /** `secure` for https (and localhost), `insecure` for plain http, `off` for none at all. */
  readonly mode: "secure" | "insecure" | "off";
  /** Whether an origin is in CORS_ORIGINS. */
  readonly isListed: (origin: string) => boolean;
  /** Origin of PUBLIC_URL. */
  readonly publicOrigin: string;
}

/** What a client with cookies is told instead of its tokens. */
export interface CookieSession {
  /** To be sent as `X-CSRF-Token` with every request that changes something, until the next refresh. */
  readonly csrfToken: string;
  /** Seconds until the session has to be refreshed. */
  readonly expiresIn: number;
}

const names = {
  // The prefixes make browsers refuse a cookie that another host of the domain, or plain http, tries to set.
  secure: { access: "__Host-ocelli-access", refresh: "__Secure-ocelli-refresh" },
  insecure: { access: "ocelli-access", refresh: "ocelli-refresh" },
} as const;

const refreshPath = "/api/v1/auth";
// Only how long the browser keeps the cookie; whether the session is still open is for the auth service to say.
const refreshMaxAgeSeconds = 365 * 24 * 3600;
// The longest token has 4096 characters.
const maxCookieLength = 8192;

/** Tokens of a session, and how long the access token lasts. */
interface SessionTokens {
  accessToken: string;
  refreshToken: string;
  expiresIn: number;
}

/**
 * Whether a request may ask for session cookies; to be asked before a session is opened that nobody would hold.
 * @throws AppError INVALID_ARGUMENT/COOKIES_OFF when the server makes none, PERMISSION_DENIED/CROSS_SITE_REQUEST.
 */
export function admitSessionCookies(c: GatewayContext): void {
  cookiesOf(c);
  requireOwnSite(c);
}

/**
 * Puts the tokens of a session into cookies that no script can read; they must not be in the body then.
 * @throws AppError INVALID_ARGUMENT/COOKIES_OFF when the server makes none, PERMISSION_DENIED/CROSS_SITE_REQUEST.
 */
export function setSessionCookies(c: GatewayContext, tokens: SessionTokens): CookieSession {
  admitSessionCookies(c);
  return putSessionCookies(c, tokens);
}

/**
 * {@link setSessionCookies} where another site's page rightly leads here: at the end of a login at an OpenID provider,
 * which is bound to this browser by a secret of its own.
 * @throws AppError INVALID_ARGUMENT/COOKIES_OFF when the server makes none.
 */
export function putSessionCookies(c: GatewayContext, tokens: SessionTokens): CookieSession {
  const { access, refresh, attributes } = cookiesOf(c);
  const { accessToken, refreshToken, expiresIn } = tokens;
  append(c, `${access}=${accessToken}; Path=/; Max-Age=${expiresIn}${attributes}`);
  append(c, `${refresh}=${refreshToken}; Path=${refreshPath}; Max-Age=${refreshMaxAgeSeconds}${attributes}`);
  return { csrfToken: csrfTokenOf(accessToken), expiresIn };
}

/** Makes the browser forget the session. Does nothing where cookies are off. */
export function clearSessionCookies(c: GatewayContext): void {
  if (c.get("cookiePolicy").mode === "off") return;
  const { access, refresh, attributes } = cookiesOf(c);
  append(c, `${access}=; Path=/; Max-Age=0${attributes}`);
  append(c, `${refresh}=; Path=${refreshPath}; Max-Age=0${attributes}`);
}

/**
 * The refresh token of the browser's cookie, for refresh and logout with `"cookies": true`. A page that was just loaded
 * has no CSRF token yet: that the request comes from a page of ours, with a JSON body, has to do.
 * @throws AppError INVALID_ARGUMENT/COOKIES_OFF, PERMISSION_DENIED/CROSS_SITE_REQUEST, and all of {@link readCookie}.
 */
export function readRefreshCookie(c: GatewayContext): string | undefined {
  const token = readCookie(c, cookiesOf(c).refresh);
  if (token !== undefined) requireOwnSite(c);
  return token;
}

/** The access token of the browser's cookie; `undefined` where there is none or cookies are off. */
export function readAccessCookie(c: GatewayContext): string | undefined {
  const { mode } = c.get("cookiePolicy");
  return mode === "off" ? undefined : readCookie(c, names[mode].access);
}

/**
 * One cookie of the request.
 * @throws AppError INVALID_ARGUMENT/AMBIGUOUS_CREDENTIALS when it was sent twice: a neighbour may have planted one.
 */
function readCookie(c: GatewayContext, name: string): string | undefined {
  const header = c.req.header("cookie");
  if (!header?.includes(name)) return undefined;
  const values = header
    .split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
  if (values.length > 1) {
    throw invalidArgument("AMBIGUOUS_CREDENTIALS", "The session cookie was sent more than once.");
  }
  const [value] = values;
  return value && value.length <= maxCookieLength ? value : undefined;
}

function cookiesOf(c: GatewayContext) {
  const { mode } = c.get("cookiePolicy");
  if (mode === "off") throw invalidArgument("COOKIES_OFF", "This server makes no session cookies.");
  return { ...names[mode], attributes: `; HttpOnly; SameSite=Strict${mode === "secure" ? "; Secure" : ""}` };
}

function append(c: GatewayContext, cookie: string): void {
  c.header("set-cookie", cookie, { append: true });
}
