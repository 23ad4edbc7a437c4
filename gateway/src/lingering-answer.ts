import type { IncomingMessage } from "node:http";
import type { GatewayContext, GatewayEnv } from "./context.ts";

// About what nginx grants (lingering_timeout): long enough for what is under way on a slow line.
const lingerMs = 5_000;
// A client that sends on for longer than this does not look at its answer anyway.
const maxDroppedBytes = 64 * 1024 * 1024;

/**
 * The body of an answer to a client that may still be sending: the text goes out at once, the answer ends when the
 * client has. Closing earlier would reset the connection, and the client would lose the answer with it.
 * Needs a Content-Length, so that the client knows the answer is complete.
 */
export function lingeringBody(c: GatewayContext, text: string): string | ReadableStream<Uint8Array> {
  // Absent when the app is called without a server.
  const incoming: GatewayEnv["Bindings"]["incoming"] | undefined = c.env?.incoming;
  if (!incoming || !hasUnreadBody(incoming)) return text;
  return new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(new TextEncoder().encode(text));
      await dropRest(incoming);
      controller.close();
    },
  });
}

function hasUnreadBody(incoming: IncomingMessage): boolean {
  const { headers } = incoming;
  const isRead = incoming.listenerCount("data") + incoming.listenerCount("readable") > 0;
  const sends = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
  // Whoever asks before sending a body sees the answer first.
  return sends && !isRead && !incoming.complete && !incoming.destroyed && headers.expect === undefined;
}

async function dropRest(incoming: IncomingMessage): Promise<void> {
  const over = Promise.withResolvers<void>();
  let dropped = 0;
  const drop = (chunk: Buffer) => {
    dropped += chunk.byteLength;
    if (dropped > maxDroppedBytes) over.resolve();
  };
  const timer = setTimeout(over.resolve, lingerMs);
  incoming.on("data", drop).once("end", over.resolve).once("close", over.resolve).once("error", over.resolve);
  incoming.resume();
  await over.promise;
  clearTimeout(timer);
  incoming.off("data", drop);
}
