import type { GatewayContext } from "../context.ts";
import type { Line } from "./lines.ts";

/** How lines are written. */
export interface LineFormat {
  readonly mediaType: string;
  encode(line: Line): string;
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

/**
 * Sends each line the moment it exists. A client that stops reading is disconnected after `stallMs`; `release` runs once
 * when the stream is over, however it ends.
 */
export function sendLines(
  c: GatewayContext,
  options: { lines: AsyncGenerator<Line>; format: LineFormat; release: () => void; stallMs?: number },
): Response {
  const { lines, format, release } = options;
  const encoder = new TextEncoder();
  let room = Promise.withResolvers<void>();
  let over = false;

  function end(): void {
    over = true;
    room.resolve();
    release();
  }

  async function write(controller: ReadableStreamDefaultController<Uint8Array>, text: string): Promise<void> {
    controller.enqueue(encoder.encode(text));
    if ((controller.desiredSize ?? 0) > 0) return;
    room = Promise.withResolvers();
    if (!(await within(room.promise, options.stallMs ?? defaultStallMs))) disconnect(c);
  }

  async function pump(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const beat = setInterval(() => {
      if (format.heartbeat && (controller.desiredSize ?? 0) > 0)
        controller.enqueue(encoder.encode(format.heartbeat));
    }, heartbeatMs);
    try {
      for await (const line of lines) {
        if (over) return;
        await write(controller, format.encode(line));
      }
      if (!over) controller.close();
    } finally {
      clearInterval(beat);
      end();
    }
  }

  const body = new ReadableStream<Uint8Array>(
    {
      // Not returned: a start that is still pending would keep `pull` from ever being called.
      start: (controller) => void pump(controller).catch(() => disconnect(c)),
      pull: () => room.resolve(),
      cancel: () => end(),
    },
    { highWaterMark: bufferedBytes, size: (chunk) => chunk?.byteLength ?? 0 },
  );
  return new Response(body, {
    headers: { "content-type": format.mediaType, "cache-control": "no-store", "x-accel-buffering": "no" },
  });
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
