import type { GatewayContext } from "../context.ts";
import type { Line } from "./lines.ts";

/** How lines are written. */
export interface LineFormat<L = Line> {
  readonly mediaType: string;
  encode(line: L): string;
  /** Sent when nothing else was for a while, so that proxies keep the connection; absent where the format has no comments. */
  readonly heartbeat?: string;
}

/** One JSON object per line. */
export const ndjson: LineFormat = {
  mediaType: "application/x-ndjson",
  encode: (line) => `${JSON.stringify(line)}\n`,
};

/** Server-sent events named after the line's type. */
export const serverSentEvents: LineFormat = {
  mediaType: "text/event-stream",
  encode: (line) => `event: ${line.type}\ndata: ${JSON.stringify(line)}\n\n`,
  heartbeat: ": still here\n\n",
};

const heartbeatMs = 15_000;
// A client that takes nothing for this long would hold its slot and memory for nobody.
const defaultStallMs = 15_000;
const bufferedBytes = 64 * 1024;
const encoder = new TextEncoder();

/** What {@link sendLines} sends, and how. */
export interface LineStream<L = Line> {
  readonly lines: AsyncGenerator<L, unknown>;
  readonly format: LineFormat<L>;
  /** Runs once when the stream is over, however it ends. */
  readonly release: () => void;
  /** How long a client may take nothing. */
  readonly stallMs?: number;
}

/** Sends each line the moment it exists. A client that stops reading is disconnected after `stallMs`. */
export function sendLines<L>(c: GatewayContext, stream: LineStream<L>): Response {
  return new Response(
    createLineBody(stream, () => disconnect(c)),
    {
      headers: {
        "content-type": stream.format.mediaType,
        "cache-control": "no-store",
        "x-accel-buffering": "no",
      },
    },
  );
}

/** The body of {@link sendLines}; `breakOff` ends a body that cannot be completed. */
export function createLineBody<L>(stream: LineStream<L>, breakOff: () => void): ReadableStream<Uint8Array> {
  let room = Promise.withResolvers<void>();
  let over = false;

  function end(): void {
    if (!over) stream.release();
    over = true;
    room.resolve();
  }

  async function write(controller: ReadableStreamDefaultController<Uint8Array>, text: string): Promise<void> {
    controller.enqueue(encoder.encode(text));
    if ((controller.desiredSize ?? 0) > 0) return;
    room = Promise.withResolvers();
    if (await within(room.promise, stream.stallMs ?? defaultStallMs)) return;
    end();
    breakOff();
  }

  async function pump(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const stopBeating = beat(controller, stream.format.heartbeat);
    try {
      for await (const line of stream.lines) {
        if (over) return;
        await write(controller, stream.format.encode(line));
      }
      if (!over) controller.close();
    } finally {
      stopBeating();
      end();
    }
  }

  return new ReadableStream<Uint8Array>(
    {
      // Not returned: a start that is still pending would keep `pull` from ever being called.
      start: (controller) => void pump(controller).catch(breakOff),
      pull: () => room.resolve(),
      cancel: () => end(),
    },
    { highWaterMark: bufferedBytes, size: (chunk) => chunk?.byteLength ?? 0 },
  );
}

function beat(
  controller: ReadableStreamDefaultController<Uint8Array>,
  heartbeat: string | undefined,
): () => void {
  if (heartbeat === undefined) return () => undefined;
  const timer = setInterval(() => {
    if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(heartbeat));
  }, heartbeatMs);
  return () => clearInterval(timer);
}

/** Breaks the connection: the only honest end of a body that cannot be completed. */
export function disconnect(c: GatewayContext): void {
  c.env.outgoing.destroy();
}

async function within(promise: Promise<void>, ms: number): Promise<boolean> {
  const timeout = Promise.withResolvers<false>();
  const timer = setTimeout(() => timeout.resolve(false), ms);
  try {
    return await Promise.race([promise.then(() => true as const), timeout.promise]);
  } finally {
    clearTimeout(timer);
  }
}
