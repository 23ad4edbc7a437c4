import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { OpenAPIHono } from "@hono/zod-openapi";
import { type WebSocket, WebSocketServer } from "ws";
import type { GatewayEnv } from "../context.ts";
import { answerBadHandshake } from "../malformed-http.ts";

/** A client's offer to speak WebSocket, for the route that it asked for. */
export interface UpgradeOffer {
  /** Takes the offer once the route has answered well. */
  accept(serve: (socket: WebSocket) => void): void;
  /** Aborted when the connection is closed. */
  readonly closed: AbortSignal;
}

/** WebSockets of a server. */
export interface Upgrades {
  handle(incoming: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Cuts every connection. */
  terminate(): void;
}

/** The one protocol that is spoken; a browser offers it beside `bearer.<token>`. */
export const webSocketProtocol = "ocelli.v1";
/** Longest message a client may send. */
export const maxClientMessageBytes = 4096;

const bearerPrefix = "bearer.";

/** True for requests to change to WebSocket. */
export function isWebSocketRequest({ method, headers }: IncomingMessage): boolean {
  return method === "GET" && headers.upgrade?.toLowerCase() === "websocket";
}

/**
 * Leads upgrade requests through the application like any other: the same trace, limits, authentication and problems.
 * Only a route that takes the offer makes a WebSocket of it; any other answer is sent as it is.
 */
export function createUpgrades(app: Pick<OpenAPIHono<GatewayEnv>, "fetch">): Upgrades {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: maxClientMessageBytes,
    // Compression costs memory per connection, and secrets beside chosen text can be told from its lengths.
    perMessageDeflate: false,
    // Never echoes a token.
    handleProtocols: (offered) => (offered.has(webSocketProtocol) ? webSocketProtocol : false),
  });
  // The library's own answer would be plain text.
  server.on("wsClientError", (_error, socket) => answerBadHandshake(socket));
  const pending = new Set<Duplex>();

  async function upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const closed = new AbortController();
    pending.add(socket);
    socket.once("close", () => {
      pending.delete(socket);
      closed.abort();
    });
    let serve: ((socket: WebSocket) => void) | undefined;
    const offer: UpgradeOffer = {
      accept(each) {
        serve = each;
      },
      closed: closed.signal,
    };
    const response = await app.fetch(toRequest(incoming), { incoming, upgrade: offer });
    if (serve && response.ok) server.handleUpgrade(incoming, socket, head, serve);
    else await refuse(socket, response);
  }

  return {
    handle(incoming, socket, head) {
      socket.on("error", () => socket.destroy());
      upgrade(incoming, socket, head).catch(() => socket.destroy());
    },
    terminate() {
      for (const client of server.clients) client.terminate();
      for (const socket of pending) socket.destroy();
    },
  };
}

/**
 * The request as the application reads it. Browsers cannot set headers here, so a token may come among the protocols; it
 * counts instead of cookies, which browsers cannot leave out.
 */
function toRequest(incoming: IncomingMessage): Request {
  const headers = new Headers();
  for (const [name, values = []] of Object.entries(incoming.headersDistinct)) {
    for (const value of values) headers.append(name, value);
  }
  const offered = (headers.get("sec-websocket-protocol") ?? "").split(",").map((each) => each.trim());
  const tokens = offered.filter((each) => each.startsWith(bearerPrefix));
  headers.delete("sec-websocket-protocol");
  if (tokens.length > 0) headers.delete("cookie");
  for (const token of tokens) headers.append("authorization", `Bearer ${token.slice(bearerPrefix.length)}`);
  const url = URL.parse(`http://localhost${incoming.url ?? "/"}`) ?? new URL("http://localhost/");
  return new Request(url, { headers });
}

async function refuse(socket: Duplex, response: Response): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer());
  const status = response.ok ? 426 : response.status;
  const headers = new Headers(response.headers);
  headers.set("connection", "close");
  headers.set("content-length", String(body.byteLength));
  const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`).join("");
  socket.end(
    Buffer.concat([Buffer.from(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${lines}\r\n`), body]),
  );
}
