import { maxUserAgentLength } from "@ocelli/chassis";
import type { MiddlewareHandler } from "hono";
import { type ClientAddressOptions, createClientAddress } from "./client-address.ts";
import type { GatewayEnv } from "./context.ts";
import type { CookiePolicy } from "./cookies.ts";

/** The settings that say whose word counts. */
export interface OriginConfig {
  readonly trustedProxies: ClientAddressOptions["trustedProxies"];
  readonly forwardedHeader: ClientAddressOptions["header"];
  readonly corsOrigins: readonly string[];
  readonly publicUrl: string;
  readonly sessionCookies: CookiePolicy["mode"];
}

/** Leaves in the context where a request comes from, and which origins may use session cookies. */
export function describeOrigin(config: OriginConfig): MiddlewareHandler<GatewayEnv> {
  const clientAddress = createClientAddress({
    trustedProxies: config.trustedProxies,
    header: config.forwardedHeader,
  });
  const listed = new Set(config.corsOrigins);
  const cookiePolicy: CookiePolicy = {
    mode: config.sessionCookies,
    isListed: (origin) => listed.has(origin),
    publicOrigin: new URL(config.publicUrl).origin,
  };
  return async (c, next) => {
    // Absent when the app is called without a server.
    const incoming: GatewayEnv["Bindings"]["incoming"] | undefined = c.env?.incoming;
    const { address, secure } = incoming ? clientAddress(incoming) : { address: "", secure: false };
    const userAgent = (c.req.header("user-agent") ?? "").slice(0, maxUserAgentLength);
    c.set("origin", { address, userAgent });
    c.set("secure", secure);
    c.set("cookiePolicy", cookiePolicy);
    await next();
  };
}
