import type { MiddlewareHandler } from "hono";
import { normalizeAddress } from "../client-address.ts";
import type { GatewayContext, GatewayEnv } from "../context.ts";

// What proxies add. One on this machine connects from here for people who are elsewhere.
const proxyHeaders = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"] as const;

/** Settings that say whether people use this gateway from its own machine only. */
interface LocalConfig {
  readonly publicUrl: string;
  readonly trustedProxies: readonly unknown[];
}

/**
 * Lets in who sits at this machine; everybody else has to pass `gate`. Local is a connection from loopback, through no
 * proxy, that asks for a loopback name: a page of some other site, whose name its owner lets point to 127.0.0.1, asks for
 * that name (DNS rebinding). Where the gateway has a public address or proxies, nothing is local, since a proxy that adds
 * no header cannot be told from a person.
 */
export function localOr(
  gate: MiddlewareHandler<GatewayEnv>,
  config: LocalConfig,
): MiddlewareHandler<GatewayEnv> {
  const isPrivate = isLoopbackHost(new URL(config.publicUrl).host) && config.trustedProxies.length === 0;
  return async (c, next) => {
    if (isPrivate && isLocal(c)) return next();
    return gate(c, next);
  };
}

function isLocal(c: GatewayContext): boolean {
  // Absent when the app is called without a server.
  const incoming: GatewayEnv["Bindings"]["incoming"] | undefined = c.env?.incoming;
  const peer = normalizeAddress(incoming?.socket.remoteAddress ?? "") ?? "";
  return (
    isLoopbackAddress(peer) &&
    isLoopbackHost(c.req.header("host") ?? "") &&
    proxyHeaders.every((name) => c.req.header(name) === undefined)
  );
}

function isLoopbackAddress(address: string): boolean {
  return address === "::1" || /^127\.\d+\.\d+\.\d+$/.test(address);
}

/** A `Host` with or without port. */
function isLoopbackHost(host: string): boolean {
  const name = /^(\[[0-9a-f:]+\]|[a-z0-9.-]+)(?::\d{1,5})?$/i.exec(host)?.[1]?.toLowerCase() ?? "";
  return name === "localhost" || name === "[::1]" || /^127(\.\d{1,3}){3}$/.test(name);
}

/**
 * Whether another site's page asks. Browsers keep the answer from it anyway; this keeps it out of that page's process,
 * too. Following a link from elsewhere is a navigation and is fine.
 */
export function isForeignPage(c: GatewayContext): boolean {
  const site = c.req.header("sec-fetch-site");
  const foreign = site === "cross-site" || site === "same-site";
  return foreign && c.req.header("sec-fetch-mode") !== "navigate";
}
