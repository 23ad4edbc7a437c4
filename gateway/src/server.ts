import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { getRequestListener } from "@hono/node-server";
import type { OpenAPIHono } from "@hono/zod-openapi";
import { ConfigError } from "@ocelli/chassis";
import type { GatewayConfig } from "./config.ts";
import type { GatewayEnv } from "./context.ts";
import { createUpgrades, isWebSocketRequest, type Upgrades } from "./live/upgrade.ts";
import { answerClientError, answerExpectation, answerRequestError } from "./malformed-http.ts";

/** A listening HTTP server. */
export interface HttpServer {
  readonly url: string;
  /** Takes no more connections, lets requests in hand finish, and cuts what is left after `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

// Headers are small: whoever needs longer than this is not sending them.
const headersTimeoutMs = 15_000;
// Longer than the idle time of common load balancers, so that they never meet a connection we just closed.
const keepAliveTimeoutMs = 65_000;
const maxHeaderBytes = 16 * 1024;
const idleSweepMs = 50;

/**
 * Serves the application.
 * @throws ConfigError when the address cannot be listened on.
 */
export async function listen(app: OpenAPIHono<GatewayEnv>, config: GatewayConfig): Promise<HttpServer> {
  // The process's own Request and Response stay as they are: other code of the same process uses them too.
  const handle = getRequestListener(
    // HTTP/1 only, so the bindings are those of node:http.
    (request, env) => app.fetch(request, env as GatewayEnv["Bindings"]),
    { overrideGlobalObjects: false, hostname: "localhost", errorHandler: answerRequestError },
  );
  const webSockets = createUpgrades(app);
  const server = createServer({
    maxHeaderSize: maxHeaderBytes,
    requireHostHeader: false,
    noDelay: true,
    // Any other upgrade that a client offers is passed over and its request answered as if it had not.
    shouldUpgradeCallback: isWebSocketRequest,
  });
  server.on("upgrade", webSockets.handle);
  server.headersTimeout = headersTimeoutMs;
  server.requestTimeout = config.uploadTimeoutMs + headersTimeoutMs;
  server.keepAliveTimeout = keepAliveTimeoutMs;
  server.maxConnections = config.maxConnections;
  const onRequest = (request: IncomingMessage, response: ServerResponse) => void handle(request, response);
  // The body of a request with `Expect: 100-continue` is asked for once the request was let in.
  server.on("request", onRequest).on("checkContinue", onRequest);
  server.on("checkExpectation", (_request, response) => answerExpectation(response));
  server.on("clientError", answerClientError);
  const silent = trackSilentConnections(server);
  await startListening(server, config);
  return {
    url: toUrl(server, config),
    stop: (graceMs) => stopServer(server, silent, webSockets, graceMs),
  };
}

/** Connections that clients opened ahead of need and never used; Node does not count them as idle. */
function trackSilentConnections(server: Server): ReadonlySet<Socket> {
  const silent = new Set<Socket>();
  const spoke = (request: IncomingMessage) => void silent.delete(request.socket);
  server.on("request", spoke).on("checkContinue", spoke).on("upgrade", spoke);
  server.on("connection", (socket) => {
    silent.add(socket);
    socket.once("close", () => silent.delete(socket));
  });
  return silent;
}

async function startListening(server: Server, { host, port }: GatewayConfig): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject).listen({ host, port, backlog: 2048 }, resolve);
  try {
    await promise;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "EADDRINUSE")
      throw new ConfigError([`PORT: ${port} is in use; choose another port or stop what uses it`]);
    if (code === "EACCES")
      throw new ConfigError([`PORT: ${port} needs more rights; choose a port above 1023`]);
    if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND")
      throw new ConfigError([`HOST: ${host} is no address of this machine`]);
    throw error;
  }
  server.off("error", reject);
}

function toUrl(server: Server, { host }: GatewayConfig): string {
  // A TCP server that listens has an address object.
  const { port } = server.address() as AddressInfo;
  const shown = host === "0.0.0.0" || host === "::" ? "localhost" : host.includes(":") ? `[${host}]` : host;
  return `http://${shown}:${port}`;
}

async function stopServer(
  server: Server,
  silent: ReadonlySet<Socket>,
  webSockets: Upgrades,
  graceMs: number,
): Promise<void> {
  const closed = Promise.withResolvers<void>();
  server.close(() => closed.resolve());
  // A connection whose last answer was under way becomes idle later, and would then wait for a request that is refused.
  const sweep = setInterval(() => server.closeIdleConnections(), idleSweepMs);
  for (const socket of silent) socket.destroy();
  const force = setTimeout(() => {
    server.closeAllConnections();
    webSockets.terminate();
  }, graceMs);
  await closed.promise;
  clearInterval(sweep);
  clearTimeout(force);
}
