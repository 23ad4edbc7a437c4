import { once } from "node:events";
import { connect } from "node:net";

/** Header of a part that holds a file. */
export const filePart = 'content-disposition: form-data; name="file"; filename="a.jpg"';

/** What came back for bytes that no HTTP library would send. */
export interface RawAnswer {
  /** 0 when the connection was closed without an answer. */
  status: number;
  head: string;
  body: string;
}

// Long enough for a busy machine; an answer that is not complete by then is none.
const answerTimeoutMs = 10_000;

/** Writes text (as latin1) to a fresh connection and reads until the server closes or the answer is complete. */
export async function sendRaw(baseUrl: string, bytes: string): Promise<RawAnswer> {
  const { hostname, port } = new URL(baseUrl);
  const socket = connect(Number(port), hostname);
  socket.setEncoding("latin1").on("error", () => undefined);
  socket.setTimeout(answerTimeoutMs, () => socket.destroy());
  socket.write(bytes, "latin1");
  let received = "";
  const complete = Promise.withResolvers<void>();
  socket.on("data", (chunk: string) => {
    received += chunk;
    if (isComplete(received)) complete.resolve();
  });
  await Promise.race([complete.promise, once(socket, "close")]);
  socket.destroy();
  return parseAnswer(received);
}

function parseAnswer(received: string): RawAnswer {
  const end = received.indexOf("\r\n\r\n");
  const head = end < 0 ? received : received.slice(0, end);
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0),
    head,
    body: end < 0 ? "" : received.slice(end + 4),
  };
}

function isComplete(received: string): boolean {
  const end = received.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const length = /^content-length: (\d+)/im.exec(received.slice(0, end))?.[1];
  return length !== undefined && received.length - end - 4 >= Number(length);
}

/** An upload that goes on whatever the server says. */
export interface PersistentUpload {
  url: string;
  token: string;
  totalBytes: number;
  /** Without it the body is chunked. */
  declareLength: boolean;
}

const block = Buffer.alloc(64 * 1024, 7);

/** Sends a form of the given size and stops for nothing but a closed connection. */
export async function keepSending(upload: PersistentUpload): Promise<RawAnswer & { sentBytes: number }> {
  const { hostname, port, pathname } = new URL(upload.url);
  const head = [
    `POST ${pathname} HTTP/1.1`,
    "host: localhost",
    `authorization: Bearer ${upload.token}`,
    "content-type: multipart/form-data; boundary=x",
    upload.declareLength ? `content-length: ${upload.totalBytes}` : "transfer-encoding: chunked",
    // The hard case: the server closes as soon as it has answered.
    "connection: close",
  ];
  const frame = (bytes: Buffer) =>
    upload.declareLength
      ? bytes
      : Buffer.concat([Buffer.from(`${bytes.byteLength.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]);
  const socket = connect(Number(port), hostname);
  let received = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    received += chunk;
  });
  // A connection that breaks while it is written to may still have brought an answer.
  socket.on("error", () => undefined).setTimeout(answerTimeoutMs, () => socket.destroy());
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  socket.write(frame(Buffer.from(`--x\r\n${filePart}\r\n\r\n`)));
  const framed = frame(block);
  let sentBytes = 0;
  for (; sentBytes < upload.totalBytes && !socket.destroyed; sentBytes += block.byteLength) {
    if (socket.write(framed)) continue;
    await Promise.race([new Promise<void>((resolve) => socket.once("drain", resolve)), closed]);
  }
  await closed;
  return { ...parseAnswer(received), sentBytes };
}
