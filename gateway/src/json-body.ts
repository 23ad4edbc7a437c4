import { AppError, invalidArgument, tooLarge } from "@ocelli/chassis";
import type { MiddlewareHandler } from "hono";
import { Status } from "nice-grpc";
import type { GatewayContext, GatewayEnv } from "./context.ts";
import { continueBody } from "./expect-continue.ts";

/**
 * Reads a JSON body of at most `maxBytes`, whatever its Content-Length says, for the validators that follow. An
 * `optional` body may be left out together with its type.
 * @throws AppError INVALID_ARGUMENT/{EXPECTED_JSON,MALFORMED_JSON}, RESOURCE_EXHAUSTED/BODY_TOO_LARGE.
 */
export function limitJsonBody(
  maxBytes: number,
  { optional = false }: { optional?: boolean } = {},
): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    if (optional && !announcesBody(c)) return next();
    if (!/^application\/json\s*(;|$)/i.test(c.req.header("content-type") ?? "")) {
      throw new AppError({
        code: Status.INVALID_ARGUMENT,
        reason: "EXPECTED_JSON",
        message: "The body must be application/json.",
      });
    }
    if (Number(c.req.header("content-length") ?? 0) > maxBytes) throw bodyTooLarge(maxBytes);
    continueBody(c);
    const text = await readText(c, maxBytes);
    // Hono keeps promises in this cache although its type names the values.
    c.req.bodyCache.text = Promise.resolve(text) as unknown as string;
    await next();
  };
}

async function readText(c: GatewayContext, maxBytes: number): Promise<string> {
  const body = c.req.raw.body;
  if (!body) return "";
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = body.getReader();
  // A body that breaks off is a client that left, not a fault of ours.
  const next = () => reader.read().catch((error: unknown) => Promise.reject(clientLeft(error)));
  for (let part = await next(); !part.done; part = await next()) {
    size += part.value.byteLength;
    if (size > maxBytes) throw bodyTooLarge(maxBytes);
    parts.push(part.value);
  }
  return decodeUtf8(Buffer.concat(parts, size));
}

/** JSON is UTF-8 (RFC 8259, 8.1): replacing what is not would let two different bodies mean the same. */
function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalidArgument("MALFORMED_JSON", "The body is not valid UTF-8.");
  }
}

function announcesBody(c: GatewayContext): boolean {
  const length = c.req.header("content-length");
  const framed = c.req.header("transfer-encoding") !== undefined || (length !== undefined && length !== "0");
  return framed || c.req.header("content-type") !== undefined;
}

function bodyTooLarge(maxBytes: number): AppError {
  return tooLarge("BODY_TOO_LARGE", `The body must have at most ${maxBytes} bytes.`);
}

function clientLeft(cause: unknown): AppError {
  return new AppError({ code: Status.CANCELLED, reason: "CANCELLED", message: "The client left.", cause });
}
