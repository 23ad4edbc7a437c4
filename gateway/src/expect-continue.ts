import type { GatewayContext, GatewayEnv } from "./context.ts";

/**
 * Asks a client that sent `Expect: 100-continue` for the body. Called only once a request was let in, so that such a
 * client never uploads a file just to be told that its token has expired.
 */
export function continueBody(c: GatewayContext): void {
  if (c.req.header("expect")?.toLowerCase() !== "100-continue") return;
  // Absent when the app is called without a server.
  const outgoing: GatewayEnv["Bindings"]["outgoing"] | undefined = c.env?.outgoing;
  outgoing?.writeContinue();
}
