import { connect, type Socket } from "node:net";
import { createRandom, type Random } from "../../scripts/malformed-images/random.ts";
import { problemSchema } from "./answers.ts";

/** Bytes that were answered wrongly, as latin1. */
export interface WireFinding {
  sent: string;
  problems: string[];
}

/** What was sent, and what came of it. */
export interface WireFuzzReport {
  requests: number;
  /** Answers by status; 0 stands for a connection closed without one. */
  statuses: Record<string, number>;
  findings: WireFinding[];
}

// A server that waits for the rest of a request is not waited for: it has said nothing wrong.
const waitMs = 400;
const maxSentKept = 2000;

/** Sends damaged HTTP over fresh connections: each is answered with a problem, or not at all, and never with a fault. */
export async function fuzzWire(
  baseUrl: string,
  options: { seed: number; runs: number; token: string },
): Promise<WireFuzzReport> {
  const random = createRandom(options.seed);
  const report: WireFuzzReport = { requests: 0, statuses: {}, findings: [] };
  const texts = soundRequests(options.token);
  const sent = [
    ...bombs(),
    ...Array.from({ length: options.runs }, (_, index) => damaged(random, texts[index % texts.length] ?? "")),
  ];
  const waiting = [...sent];
  const work = async () => {
    for (let bytes = waiting.shift(); bytes !== undefined; bytes = waiting.shift()) {
      const received = await exchange(baseUrl, bytes);
      report.requests += 1;
      const status = /^HTTP\/1\.1 (\d{3})/.exec(received)?.[1] ?? "0";
      report.statuses[status] = (report.statuses[status] ?? 0) + 1;
      const problems = problemsOf(received);
      if (problems.length > 0) report.findings.push({ sent: bytes.slice(0, maxSentKept), problems });
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
  return report;
}

/** Every answer of a connection: one that was sent two requests may answer both. */
function problemsOf(received: string): string[] {
  const problems: string[] = [];
  for (const answer of received.split(/(?=^HTTP\/1\.1 \d{3} )/m)) {
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
    const end = answer.indexOf("\r\n\r\n");
    if (status >= 500) problems.push(`${status}: ${answer.slice(0, 500)}`);
    const length = Number(/^content-length: (\d+)/im.exec(answer)?.[1] ?? Number.NaN);
    if (status < 400 || end < 0 || !(answer.length - end - 4 >= length) || length === 0) continue;
    const body = Buffer.from(answer.slice(end + 4, end + 4 + length), "latin1").toString("utf8");
    if (!isProblem(body)) problems.push(`${status} without a problem: ${body.slice(0, 300)}`);
  }
  return problems;
}

function isProblem(body: string): boolean {
  try {
    return problemSchema.safeParse(JSON.parse(body)).success;
  } catch {
    return false;
  }
}

function soundRequests(token: string): string[] {
  const head = (first: string, ...more: string[]) =>
    [first, "Host: localhost", `Authorization: Bearer ${token}`, ...more, "", ""].join("\r\n");
  const json = '{"name":"an album"}';
  const form =
    '--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\nno picture\r\n--x--\r\n';
  return [
    head("GET /api/v1/photos?pageSize=1 HTTP/1.1"),
    head("GET /health HTTP/1.1", "Connection: keep-alive, upgrade", "Upgrade: h2c"),
    `${head("POST /api/v1/albums HTTP/1.1", "Content-Type: application/json", `Content-Length: ${json.length}`)}${json}`,
    `${head("POST /api/v1/photos HTTP/1.1", "Content-Type: multipart/form-data; boundary=x", `Content-Length: ${form.length}`)}${form}`,
    `${head("POST /api/v1/albums HTTP/1.1", "Content-Type: application/json", "Transfer-Encoding: chunked")}${json.length.toString(16)}\r\n${json}\r\n0\r\n\r\n`,
    `${head("PATCH /api/v1/uploads/x HTTP/1.1", "Tus-Resumable: 1.0.0", "Upload-Offset: 0", "Content-Type: application/offset+octet-stream", "Content-Length: 3")}abc`,
    head(
      "GET /api/v1/ws HTTP/1.1",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ),
    head("OPTIONS * HTTP/1.1", "Origin: https://evil.example", "Access-Control-Request-Method: PUT"),
    head("GET /api/v1/photos HTTP/1.1") + head("GET /health HTTP/1.1"),
  ];
}

const inserted = [
  "\r\n",
  "\n",
  "\r",
  "\0",
  " ",
  "\t",
  ":",
  "\r\n ",
  "\x7f",
  "\xff\xfe",
  "Content-Length: 5\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding: identity, chunked\r\n",
  "Host: other\r\n",
  "Expect: 100-continue\r\n",
  "Connection: close\r\n",
  "%00",
  "../",
  "//",
  "#",
  "?",
  "@",
  "HTTP/1.1",
];

function damaged(random: Random, sound: string): string {
  let text = sound;
  for (let change = 0; change <= random.below(3); change++) {
    const at = random.below(text.length + 1);
    const kind = random.below(5);
    if (kind === 0)
      text = text.slice(0, at) + (inserted[random.below(inserted.length)] ?? "") + text.slice(at);
    else if (kind === 1) text = text.slice(0, at) + text.slice(at + 1 + random.below(20));
    else if (kind === 2)
      text = text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1);
    else if (kind === 3) text = text.slice(0, at);
    else text = text.slice(0, at) + text.slice(random.below(at + 1), at) + text.slice(at);
  }
  return text;
}

/** Requests that are large, deep or many where a server expects them to be small. */
function bombs(): string[] {
  const get = (target: string, ...headers: string[]) =>
    `GET ${target} HTTP/1.1\r\nHost: localhost\r\n${headers.map((each) => `${each}\r\n`).join("")}\r\n`;
  const post = (header: string, body: string) =>
    `POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${header}\r\n\r\n${body}`;
  return [
    get(`/${"a".repeat(100_000)}`),
    get(`/health?${"a=b&".repeat(20_000)}`),
    get("/health", ...Array.from({ length: 5000 }, (_, index) => `x-${index}: y`)),
    get("/health", `x: ${"y".repeat(1_000_000)}`),
    get("/health", `cookie: ${"a=b; ".repeat(2500)}`),
    get(`/api/v1/photos/${"%2e%2e%2f".repeat(500)}etc/passwd`),
    post("Transfer-Encoding: chunked", `${"1;".padEnd(60_000, "x")}\r\n{\r\n0\r\n\r\n`),
    post("Transfer-Encoding: chunked", `${"1\r\n{\r\n".repeat(20_000)}0\r\n\r\n`),
    post("Transfer-Encoding: chunked", "ffffffffffffffffff\r\n{}"),
    post("Transfer-Encoding: chunked", `2\r\n{}\r\n0\r\n${"x-trailer: y\r\n".repeat(5000)}\r\n`),
    post("Content-Length: 99999999999999999999", "{}"),
    post("Content-Length: 0x2", "{}"),
    post("Content-Length: +2", "{}"),
    post("Content-Length: 2\r\nContent-Length: 2", "{}"),
    post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
    post("Content-Encoding: gzip\r\nContent-Length: 5", "\x1f\x8b\x08\0\0"),
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "GET http://[::1/ HTTP/1.1\r\nHost: [\r\n\r\n",
    "\0".repeat(70_000),
    "\r\n".repeat(50_000),
    "CONNECT internal:5432 HTTP/1.1\r\nHost: internal:5432\r\n\r\n",
    "TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n",
  ];
}

/** What comes back until the server closes, or has been silent for a while. */
async function exchange(baseUrl: string, bytes: string): Promise<string> {
  const socket = open(baseUrl);
  let received = "";
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.setTimeout(waitMs, resolve);
  socket.on("data", (chunk: string) => {
    received += chunk;
  });
  socket.on("close", () => resolve());
  socket.write(bytes, "latin1");
  await promise;
  socket.destroy();
  return received;
}

function open(baseUrl: string): Socket {
  const { hostname, port } = new URL(baseUrl);
  // A connection that breaks has been answered by that.
  return connect(Number(port), hostname)
    .setEncoding("latin1")
    .on("error", () => undefined);
}

/** How long a sound request takes while many connections each send a byte now and then and never finish. */
export async function answerBesideSlowOnes(baseUrl: string, count: number): Promise<number> {
  const head =
    "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n";
  const slow = Array.from({ length: count }, () => open(baseUrl));
  const drip = setInterval(() => {
    for (const [index, socket] of slow.entries())
      if (!socket.destroyed) socket.write(head[(socket.bytesWritten + index) % head.length] ?? "x");
  }, 20);
  try {
    for (const socket of slow) socket.write(head.slice(0, 40));
    const startedAt = performance.now();
    const response = await fetch(`${baseUrl}/health`);
    await response.text();
    return response.status === 200 ? performance.now() - startedAt : Number.POSITIVE_INFINITY;
  } finally {
    clearInterval(drip);
    for (const socket of slow) socket.destroy();
  }
}
