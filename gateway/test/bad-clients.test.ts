import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { problemOf } from "./json.ts";
import { startTestGateway, type TestGateway } from "./running-gateway.ts";
import { defaultUserId } from "./tokens.ts";
import { addPhoto } from "./upstreams.ts";

let test: TestGateway;
beforeAll(async () => {
  test = await startTestGateway({ MAX_UPLOAD_BYTES: "1mb" });
});
afterAll(() => test.stop());

/** Sends to a fresh connection and collects until it closes; what comes after `end` is sent when something was answered. */
function exchange(bytes: string, flood?: Buffer): Promise<string> {
  const { hostname, port } = new URL(test.url);
  const socket = connect(Number(port), hostname);
  let received = "";
  socket.setEncoding("latin1").on("data", (text: string) => {
    received += text;
  });
  socket.on("error", () => undefined);
  socket.write(bytes);
  if (flood) {
    const write = () => {
      while (!socket.destroyed && socket.write(flood));
    };
    socket.on("drain", write);
    write();
  } else {
    socket.end();
  }
  return new Promise((resolve) => socket.once("close", () => resolve(received)));
}

describe("a client that does not behave", () => {
  it("is told why it was refused although it sends on and wants the connection closed", async () => {
    const lines = [
      "POST /api/v1/photos HTTP/1.1",
      "host: localhost",
      "content-type: multipart/form-data; boundary=x",
      "content-length: 5000000000",
      "connection: close",
    ];
    for (const token of [await test.signer.sign(), "nonsense"]) {
      const head = [...lines, `authorization: Bearer ${token}`].join("\r\n");
      const answer = await exchange(`${head}\r\n\r\n`, Buffer.alloc(64 * 1024));
      expect(answer).toMatch(/^HTTP\/1.1 (413[\s\S]*FILE_TOO_LARGE|401[\s\S]*INVALID_TOKEN)/);
    }
  }, 20_000);

  it.each([
    ["host: a b[]<script>", 400],
    ["host: localhost\r\nexpect: miracles", 417],
    ["a header without a colon", 400],
  ])("gets a problem for what is not HTTP: %s", async (header, status) => {
    const answer = await exchange(`GET /health HTTP/1.1\r\n${header}\r\nconnection: close\r\n\r\n`);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toMatch(/content-type: application\/problem\+json[\s\S]*"reason":"MALFORMED_HTTP"/i);
  });

  it("is no fault of the server when its JSON body breaks off", async () => {
    const lines = [
      "POST /api/v1/auth/login HTTP/1.1",
      "host: localhost",
      "content-type: application/json",
      "content-length: 100",
    ];
    const answer = await exchange(`${lines.join("\r\n")}\r\n\r\n{"email":`);
    expect(answer).not.toContain("HTTP/1.1 500");
    const metrics = async () => (await test.call("//metrics")).text();
    await expect.poll(metrics).toContain('route="/api/v1/auth/login",method="POST",status="499"');
    expect(await metrics()).not.toContain('status="500"');
  });
});

describe("a result that is not there", () => {
  it("is not there yet on an own photo, and nothing else is said of any other id", async () => {
    const own = addPhoto(test.upstreams.world, { ownerId: defaultUserId });
    const foreign = addPhoto(test.upstreams.world, { ownerId: "018f0000-0000-7000-8000-000000000002" });
    for (const result of ["caption", "faces", "scene", "objects", "text", "colors"]) {
      const [status, reason] = await problemOf(await test.call(`/photos/${own.id}/${result}`));
      expect([status, reason], result).toEqual([404, expect.stringMatching(/^(?!PHOTO)[A-Z]+_NOT_FOUND$/)]);
      for (const id of [foreign.id, "018f0000-0000-7000-8000-00000000dead", "nonsense"]) {
        const problem = await problemOf(await test.call(`/photos/${id}/${result}`));
        expect(problem, `${id} ${result}`).toEqual([404, "PHOTO_NOT_FOUND"]);
      }
    }
  });
});
