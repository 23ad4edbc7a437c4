import { once } from "node:events";
import { WebSocket } from "ws";

/** A message of a live stream as a client gets it. */
export interface Message {
  id: number;
  type: string;
  at: string;
  subjectId: string;
  data: unknown;
}

/** Messages one by one; `undefined` once the stream has ended. */
export interface Reader {
  next(): Promise<Message | undefined>;
  /** The next few. */
  take(count: number): Promise<Message[]>;
  close(): void;
}

/** Reads server-sent events; checks that id and type stand in their own fields as well. */
export function readEvents(response: Response): Reader & { comments: string[] } {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const comments: string[] = [];
  let text = "";
  const next = async (): Promise<Message | undefined> => {
    for (;;) {
      const end = text.indexOf("\n\n");
      if (end < 0) {
        const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
        if (done) return undefined;
        text += value;
        continue;
      }
      const block = text.slice(0, end);
      text = text.slice(end + 2);
      if (block.startsWith(":")) {
        comments.push(block);
        continue;
      }
      const fields = new Map(block.split("\n").map((line) => line.split(/: (.*)/s, 2) as [string, string]));
      const message: Message = JSON.parse(fields.get("data") ?? "");
      if (fields.get("id") !== String(message.id) || fields.get("event") !== message.type) {
        throw new Error(`fields do not fit: ${block}`);
      }
      return message;
    }
  };
  return { comments, next, take: (count) => takeFrom(next, count), close: () => void reader?.cancel() };
}

/** An open WebSocket and what came over it. */
export interface SocketReader extends Reader {
  readonly socket: WebSocket;
  send(message: unknown): void;
  /** Resolves with the close code. */
  readonly closed: Promise<number>;
}

/** What to connect with. */
export interface ConnectOptions {
  headers?: Record<string, string>;
  protocols?: string[];
}

/** Connects to `/ws`. Rejects with the HTTP status when refused. */
export async function connect(
  url: string,
  path: string,
  { headers = {}, protocols = [] }: ConnectOptions,
): Promise<SocketReader> {
  const socket = new WebSocket(`${url.replace("http", "ws")}/api/v1${path}`, protocols, { headers });
  const waiting: Message[] = [];
  let wake = () => {};
  let over = false;
  socket.on("message", (data) => {
    waiting.push(JSON.parse(data.toString()));
    wake();
  });
  const closed = new Promise<number>((resolve) =>
    socket.once("close", (code) => {
      over = true;
      wake();
      resolve(code);
    }),
  );
  const refused = new Promise<never>((_, reject) => {
    socket.once("unexpected-response", (_request, response) =>
      reject(new Error(String(response.statusCode))),
    );
    socket.once("error", reject);
  });
  refused.catch(() => undefined);
  await Promise.race([once(socket, "open"), refused]);
  socket.on("error", () => undefined);
  const next = async (): Promise<Message | undefined> => {
    while (waiting.length === 0 && !over) await new Promise<void>((resolve) => (wake = resolve));
    return waiting.shift();
  };
  return {
    socket,
    closed,
    next,
    take: (count) => takeFrom(next, count),
    send: (message) => socket.send(JSON.stringify(message)),
    close: () => socket.close(),
  };
}

async function takeFrom(next: Reader["next"], count: number): Promise<Message[]> {
  const messages: Message[] = [];
  while (messages.length < count) {
    const message = await next();
    if (!message) break;
    messages.push(message);
  }
  return messages;
}
