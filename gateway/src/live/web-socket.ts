import type { RawData, WebSocket } from "ws";
import { z } from "zod";
import type { LiveMessage, StreamEnd, UserStream } from "./user-stream.ts";

/** Why the server closes a WebSocket. */
export const closeCodes = {
  /** The server stops; connect again. */
  stopping: 1001,
  /** Something went wrong here; connect again. */
  failed: 1011,
  /** What the client sent is no message. */
  badMessage: 4400,
  /** The access token expired; get a new one, connect again and resume. */
  expired: 4001,
  /** The session or key was ended. */
  revoked: 4003,
  /** The client takes messages too slowly; connect again and resume. */
  slow: 4008,
  /** The client sends too much. */
  tooMany: 4429,
} as const;

/** Times of a connection; for tests. */
export interface WebSocketTimes {
  /** Default 20 s. A client that answers two pings in a row with nothing is gone. */
  pingMs?: number;
  /** How long a client may take nothing. Default 10 s. */
  stallMs?: number;
}

const defaultPingMs = 20_000;
const defaultStallMs = 10_000;
const maxMissedPings = 2;
// Generous for people and programs that move about; a flood is none of these.
const maxMessagesPerMinute = 60;
const maxUnsentPongBytes = 16 * 1024;
const cutMs = 2_000;

const clientMessage = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("resume"), after: z.int().min(0) }),
  z.strictObject({ type: z.literal("ping") }),
]);

/** Sends a stream's messages over a WebSocket, one at a time: the next is read when the last is on its way. */
export function serveWebSocket(socket: WebSocket, stream: UserStream, times: WebSocketTimes = {}): void {
  const stopPinging = keepAlive(socket, times.pingMs ?? defaultPingMs);
  const allowed = createAllowance();
  socket.on("error", () => socket.terminate());
  socket.on("message", (data, isBinary) => {
    if (!allowed()) return close(socket, "tooMany");
    const message = isBinary ? undefined : parse(data);
    if (!message) return close(socket, "badMessage");
    if (message.type === "resume") stream.seek(message.after);
    else if (socket.bufferedAmount < maxUnsentPongBytes) socket.send(JSON.stringify(pong()));
  });
  socket.once("close", stopPinging);
  void pump(socket, stream, times.stallMs ?? defaultStallMs);
}

async function pump(socket: WebSocket, stream: UserStream, stallMs: number): Promise<void> {
  try {
    for (;;) {
      const { done, value } = await stream.messages.next();
      if (done) return finish(socket, value);
      const outcome = await send(socket, JSON.stringify(value), stallMs);
      if (outcome === "sent") continue;
      if (outcome === "slow") close(socket, "slow");
      await stream.messages.return("left");
      return;
    }
  } catch {
    close(socket, "failed");
  }
}

function finish(socket: WebSocket, end: StreamEnd): void {
  if (end === "left") socket.terminate();
  else close(socket, end);
}

function close(socket: WebSocket, why: keyof typeof closeCodes): void {
  socket.close(closeCodes[why], why);
  // Whoever takes nothing does not take this either.
  setTimeout(() => socket.terminate(), cutMs).unref();
}

/** Resolves once a message has left this process, the client has taken nothing for too long, or is gone. */
function send(socket: WebSocket, text: string, stallMs: number): Promise<"sent" | "slow" | "gone"> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve("slow"), stallMs);
    socket.send(text, (error) => {
      clearTimeout(timer);
      resolve(error ? "gone" : "sent");
    });
  });
}

function keepAlive(socket: WebSocket, pingMs: number): () => void {
  let missed = 0;
  const heard = () => {
    missed = 0;
  };
  socket.on("pong", heard).on("message", heard);
  const timer = setInterval(() => {
    if (missed >= maxMissedPings) return socket.terminate();
    missed += 1;
    socket.ping();
  }, pingMs);
  return () => clearInterval(timer);
}

/** Tells whether one more message may come; counts by the minute. */
function createAllowance(): () => boolean {
  let minute = 0;
  let count = 0;
  return () => {
    const now = Math.floor(performance.now() / 60_000);
    if (now !== minute) [minute, count] = [now, 0];
    count += 1;
    return count <= maxMessagesPerMinute;
  };
}

function parse(data: RawData): z.infer<typeof clientMessage> | undefined {
  try {
    return clientMessage.safeParse(JSON.parse(data.toString())).data;
  } catch {
    return undefined;
  }
}

function pong(): Omit<LiveMessage, "id"> {
  return { type: "pong", at: new Date().toISOString(), subjectId: "", data: {} };
}
