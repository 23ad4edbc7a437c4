import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Metrics } from "./metrics.ts";

/** Settings of {@link startMetricsServer}. */
export interface MetricsServerOptions {
  metrics: Pick<Metrics, "expose">;
  host: string;
  /** 0 picks a free one. */
  port: number;
}

/** A server that is listening. */
export interface MetricsServer {
  /** `http://host:port`, without the path. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Prometheus keeps one connection; a few for people with curl. */
const maxConnections = 16;
const requestTimeoutMs = 10_000;

/**
 * Serves `GET /metrics` and nothing else, for Prometheus; it knows no tokens, so it belongs into the inner network.
 * @throws the error of `listen`, e.g. EADDRINUSE.
 */
export async function startMetricsServer({
  metrics,
  host,
  port,
}: MetricsServerOptions): Promise<MetricsServer> {
  const server = createServer(
    { requestTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs, maxHeaderSize: 8 * 1024 },
    (request, response) => void answer(metrics, request, response),
  );
  server.maxConnections = maxConnections;
  server.maxRequestsPerSocket = 1_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  // A server that listens on a port has an address of this kind.
  const address = server.address() as AddressInfo;
  const name = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return {
    url: `http://${name}:${address.port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  metrics: Pick<Metrics, "expose">,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  // Nothing that is sent along is read; a body ends the connection.
  if (request.headers["content-length"] || request.headers["transfer-encoding"]) {
    response.setHeader("connection", "close");
  }
  const [path] = (request.url ?? "").split("?");
  if (path !== "/metrics") return send(response, 404, "Only /metrics is here.\n");
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("allow", "GET, HEAD");
    return send(response, 405, "Only GET.\n");
  }
  try {
    const { contentType, body } = await metrics.expose(request.headers.accept);
    send(response, 200, body, contentType);
  } catch {
    send(response, 500, "The metrics could not be read.\n");
  }
}

function send(
  response: ServerResponse,
  status: number,
  body: string,
  type = "text/plain; charset=utf-8",
): void {
  response.writeHead(status, {
    "content-type": type,
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  response.end(body);
}
