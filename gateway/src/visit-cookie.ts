import { unauthenticated } from "@ocelli/chassis";
import { getCookie } from "hono/cookie";
import type { GatewayContext } from "./context.ts";

const visitPattern = /^ocelli_lv_[A-Za-z0-9_-]{43}$/;

/** Keeps a visit of a public link in a cookie that no script can read. Lax: visitors come from where they got the link. */
export function setVisitCookie(c: GatewayContext, visit: string, maxAgeSeconds: number): void {
  const secure = isSecure(c) ? "; Secure" : "";
  const cookie = `${cookieName(c)}=${visit}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Lax${secure}`;
  c.header("set-cookie", cookie, { append: true });
}

/** @throws AppError UNAUTHENTICATED/VISIT_EXPIRED without a cookie that could be one. */
export function readVisitCookie(c: GatewayContext): string {
  const value = getCookie(c, cookieName(c));
  if (value !== undefined && visitPattern.test(value)) return value;
  throw unauthenticated("VISIT_EXPIRED", "The visit is over; open the link again.");
}

/** The prefix makes browsers refuse a cookie that another host of the domain, or plain http, tries to set. */
function cookieName(c: GatewayContext): string {
  return isSecure(c) ? "__Host-ocelli-visit" : "ocelli-visit";
}

function isSecure(c: GatewayContext): boolean {
  const { mode, publicOrigin } = c.get("cookiePolicy");
  return mode === "secure" || (mode === "off" && publicOrigin.startsWith("https:"));
}
