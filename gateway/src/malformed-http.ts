import { type ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { RequestError } from "@hono/node-server";
import { AppError } from "@ocelli/chassis";
import { type Problem, problemMediaType, toHttpStatus, toProblem } from "./problem.ts";

/** Answers bytes that are not HTTP in the same form as every other problem. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable || socket.bytesWritten > 0) return void socket.destroy();
  const status =
    error.code === "HPE_HEADER_OVERFLOW" ? 431 : error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? 408 : 400;
  endWith(socket, status);
}

/** Answers a WebSocket handshake that is none: a key, version or method that the protocol does not know. */
export function answerBadHandshake(socket: Duplex): void {
  // RFC 6455, section 4.4: names the version that is spoken.
  endWith(socket, 400, { "sec-websocket-version": "13" });
}

function endWith(socket: Duplex, status: number, more: Record<string, string> = {}): void {
  const problem = malformed(status);
  const body = JSON.stringify(problem);
  const headers = Object.entries({ ...headersOf(body), ...more, connection: "close" });
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  socket.end(`HTTP/1.1 ${status} ${problem.title}\r\n${lines}\r\n${body}`);
}

/** Answers an `Expect` other than 100-continue. */
export function answerExpectation(response: ServerResponse): void {
  const body = JSON.stringify(malformed(417));
  response.writeHead(417, { ...headersOf(body), connection: "close" }).end(body);
}

/** Answers a request that has no place in the application, such as one with an impossible host. */
export function answerRequestError(error: unknown): Response {
  const internal = AppError.from(error);
  const problem = error instanceof RequestError ? malformed(400) : toProblem(internal, "");
  const status = error instanceof RequestError ? 400 : toHttpStatus(internal);
  const body = JSON.stringify(problem);
  return new Response(body, { status, headers: headersOf(body) });
}

function headersOf(body: string): Record<string, string> {
  return { "content-type": problemMediaType, "content-length": String(Buffer.byteLength(body)) };
}

function malformed(status: number): Problem {
  const title = STATUS_CODES[status] ?? "Bad Request";
  // No request was understood, so there is no trace.
  return {
    type: "about:blank",
    title,
    status,
    detail: `${title}.`,
    reason: "MALFORMED_HTTP",
    traceId: "",
    errors: [],
  };
}
