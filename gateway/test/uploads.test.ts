import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { tooLarge } from "@ocelli/chassis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { problemOf } from "./json.ts";
import { fileForm, startTestGateway, type TestGateway } from "./running-gateway.ts";

const maxBytes = 1_000_000;
let test: TestGateway;
let token: string;
beforeAll(async () => {
  test = await startTestGateway({
    MAX_UPLOAD_BYTES: String(maxBytes),
    UPLOAD_TIMEOUT: "2s",
    MAX_JSON_BYTES: "1kib",
  });
  token = await test.signer.sign();
});
afterAll(() => test.stop());
beforeEach(() => {
  Object.assign(test.upstreams.world, { received: 0, cancelled: 0, onUpload: () => undefined });
  test.upstreams.world.photos.clear();
});

const formHead = '--x\r\ncontent-disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n';
const formTail = "\r\n--x--\r\n";

/** A raw upload whose headers are sent; the body is up to the caller. */
async function openUpload(
  headers: Record<string, string> = {},
): Promise<{ socket: Socket; answer: () => string }> {
  const { hostname, port } = new URL(test.url);
  const socket = connect(Number(port), hostname);
  let received = "";
  socket.setEncoding("utf8").on("data", (text) => {
    received += text;
  });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  const all = {
    host: "localhost",
    authorization: `Bearer ${token}`,
    "content-type": "multipart/form-data; boundary=x",
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  socket.write(`POST /api/v1/photos HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
  return { socket, answer: () => received };
}

function chunk(bytes: string | Buffer): Buffer {
  const body = Buffer.from(bytes);
  return Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from("\r\n")]);
}

/** Everything that is still to come, until the other side closes. */
const answered = (answer: () => string, pattern: RegExp) =>
  expect.poll(answer, { timeout: 8000 }).toMatch(pattern);

describe("the size limit", () => {
  it("takes a file of exactly the limit", async () => {
    const response = await test.call("/photos", { method: "POST", body: fileForm(Buffer.alloc(maxBytes)) });
    expect(response.status).toBe(201);
  });

  it("refuses one byte more, and stores nothing", async () => {
    const response = await test.call("/photos", {
      method: "POST",
      body: fileForm(Buffer.alloc(maxBytes + 1)),
    });
    expect(await problemOf(response)).toEqual([413, "FILE_TOO_LARGE"]);
    expect(test.upstreams.world.photos.size).toBe(0);
  });

  it("refuses a declared length before any of the body is sent", async () => {
    const { socket, answer } = await openUpload({ "content-length": "5000000000" });
    await answered(answer, /^HTTP\/1.1 413 [\s\S]*FILE_TOO_LARGE/);
    expect(test.upstreams.world.received).toBe(0);
    socket.destroy();
  });

  it("cuts off a body of unknown length while it streams, and the client sees why", async () => {
    const { socket, answer } = await openUpload({ "transfer-encoding": "chunked" });
    socket.write(chunk(formHead));
    const block = chunk(Buffer.alloc(64 * 1024));
    for (let sent = 0; sent < 20 && answer() === ""; sent++) {
      socket.write(block);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await answered(answer, /^HTTP\/1.1 413 [\s\S]*FILE_TOO_LARGE/);
    await expect.poll(() => test.upstreams.world.cancelled).toBeGreaterThan(0);
    expect(test.upstreams.world.photos.size).toBe(0);
    socket.destroy();
  });

  it("closes a connection that keeps sending after its answer", async () => {
    const { socket } = await openUpload({ "content-length": "5000000000" });
    socket.write(formHead);
    const flood = setInterval(() => socket.writable && socket.write(Buffer.alloc(64 * 1024)), 20);
    await once(socket, "close");
    clearInterval(flood);
  });

  it("bounds everything around the file as well", async () => {
    const form = new FormData();
    for (let index = 0; index < 40; index++) form.append(`field${index}`, "x");
    form.append("file", new Blob(["x"]), "x.jpg");
    const response = await test.call("/photos", { method: "POST", body: form });
    expect(await problemOf(response)).toEqual([400, "MALFORMED_MULTIPART"]);
  });

  it("bounds JSON bodies, declared or not", async () => {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ email: "a".repeat(2000), password: "x" });
    expect(await problemOf(await test.call("/auth/login", { method: "POST", headers, body }))).toEqual([
      413,
      "BODY_TOO_LARGE",
    ]);
    const stream = new Blob([body]).stream();
    const chunked = { method: "POST", headers, body: stream, duplex: "half" as const };
    expect(await problemOf(await test.call("/auth/login", chunked))).toEqual([413, "BODY_TOO_LARGE"]);
  });
});

describe("an upload in trouble", () => {
  it("is cancelled when the client leaves", async () => {
    const { socket } = await openUpload({ "transfer-encoding": "chunked" });
    socket.write(chunk(formHead));
    socket.write(chunk(Buffer.alloc(100_000)));
    await expect.poll(() => test.upstreams.world.received).toBeGreaterThan(0);
    socket.destroy();
    await expect.poll(() => test.upstreams.world.cancelled).toBe(1);
    expect(test.upstreams.world.photos.size).toBe(0);
  });

  it("is told so when it is too slow", async () => {
    const { socket, answer } = await openUpload({ "transfer-encoding": "chunked" });
    socket.write(chunk(formHead));
    await answered(answer, /^HTTP\/1.1 408 [\s\S]*UPLOAD_TIMEOUT/);
    socket.destroy();
  });

  it("is answered early when the library refuses early", async () => {
    test.upstreams.world.onUpload = () => {
      throw tooLarge("INGEST_QUEUE_FULL", "Too many uploads.");
    };
    const { socket, answer } = await openUpload({ "transfer-encoding": "chunked" });
    socket.write(chunk(formHead));
    socket.write(chunk(Buffer.alloc(1000)));
    await answered(answer, /^HTTP\/1.1 429 [\s\S]*retry-after: 1[\s\S]*INGEST_QUEUE_FULL/i);
    socket.destroy();
  });

  it("is held back while the library does not take it", async () => {
    const gate = Promise.withResolvers<void>();
    test.upstreams.world.onUpload = () => gate.promise;
    const { socket, answer } = await openUpload({ "transfer-encoding": "chunked" });
    socket.write(chunk(formHead));
    for (let sent = 0; sent < 14; sent++) socket.write(chunk(Buffer.alloc(64 * 1024, sent)));
    gate.resolve();
    socket.write(chunk(formTail));
    socket.write("0\r\n\r\n");
    await answered(answer, /^HTTP\/1.1 201 /);
    expect(test.upstreams.world.received).toBe(14 * 64 * 1024);
    socket.destroy();
  });
});

describe("Expect: 100-continue", () => {
  it("asks for the body of a request that was let in", async () => {
    const body = `${formHead}picture${formTail}`;
    const { socket, answer } = await openUpload({
      expect: "100-continue",
      "content-length": String(body.length),
    });
    await answered(answer, /^HTTP\/1.1 100 Continue/);
    socket.write(body);
    await answered(answer, /HTTP\/1.1 201 /);
    socket.destroy();
  });

  it("does not ask for the body of anybody else", async () => {
    const { socket, answer } = await openUpload({
      expect: "100-continue",
      "content-length": "1000",
      authorization: "Bearer nonsense",
    });
    await answered(answer, /^HTTP\/1.1 401 [\s\S]*INVALID_TOKEN/);
    socket.destroy();
  });
});
