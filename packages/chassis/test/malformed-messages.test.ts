import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { authV1, libraryV1 } from "@ocelli/contracts";
import { unimplemented } from "@ocelli/testkit";
import { Status } from "nice-grpc-common";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createLogger, createMetrics, createRpcServer, type RpcServer } from "../src/index.ts";
import { verifier } from "./rpc-harness.ts";

let server: RpcServer;
let client: Client;
let failures: string[];

beforeAll(async () => {
  failures = [];
  const log = createLogger({
    level: "error",
    format: "json",
    destination: { write: (line) => void failures.push(line) },
  });
  server = createRpcServer({ host: "127.0.0.1", port: 0, log, metrics: createMetrics(), verifier });
  server.add(authV1.AuditServiceDefinition, unimplemented(authV1.AuditServiceDefinition));
  server.add(libraryV1.LibraryServiceDefinition, {
    ...unimplemented(libraryV1.LibraryServiceDefinition),
    async uploadPhoto(requests) {
      for await (const { part } of requests) if (!part) throw new Error("a message without a part");
      return { duplicate: false };
    },
  });
  client = new Client(await server.listen(), credentials.createInsecure());
});
afterAll(async () => {
  client?.close();
  await server?.stop(1000);
});

const asIs = (bytes: Buffer) => bytes;
const bearer = (token: string) => {
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${token}`);
  return metadata;
};

/** How a call ends, and whether its status says why in a form for programs. */
function outcomeOf(begin: (done: (error: ServiceError | null) => void) => void): Promise<string> {
  return new Promise((resolve) => {
    begin((error) => {
      const details = error?.metadata.get("grpc-status-details-bin").join() ?? "";
      const reason = /MALFORMED_MESSAGE|UNAUTHENTICATED|INVALID_TOKEN/.exec(details)?.[0] ?? "";
      resolve(`${Status[error?.code ?? Status.OK]} ${reason}`.trim());
    });
  });
}

function listActivity(bytes: Buffer, token = "user"): Promise<string> {
  const path = "/ocelli.auth.v1.AuditService/ListActivity";
  return outcomeOf((done) => void client.makeUnaryRequest(path, asIs, asIs, bytes, bearer(token), done));
}

test.each([
  ["a varint without end", Buffer.alloc(30, 0xff)],
  ["a length beyond the end", Buffer.from([0x12, 0xff, 0xff, 0xff, 0xff, 0x07, 1])],
  ["a thousand groups in each other", Buffer.alloc(2000, 0x0b)],
])("%s is refused with a reason", async (_name, bytes) => {
  expect(await listActivity(bytes)).toBe("INVALID_ARGUMENT MALFORMED_MESSAGE");
});

test("a time in the far future, which the type allows and no clock shows, is refused with a reason", async () => {
  const seconds = Buffer.concat([Buffer.from([0x08]), Buffer.alloc(8, 0xff), Buffer.from([0x7f])]);
  const takenFrom = Buffer.concat([Buffer.from([0x12, seconds.byteLength]), seconds]);
  const listPhotos = Buffer.concat([Buffer.from([0x1a, takenFrom.byteLength]), takenFrom]);
  const path = "/ocelli.library.v1.LibraryService/ListPhotos";
  const outcome = await outcomeOf(
    (done) => void client.makeUnaryRequest(path, asIs, asIs, listPhotos, bearer("user"), done),
  );
  expect(outcome).toBe("INVALID_ARGUMENT MALFORMED_MESSAGE");
});

test("nobody is told what is wrong with a message before it is known who asks", async () => {
  expect(await listActivity(Buffer.alloc(30, 0xff), "nobody")).toBe("UNAUTHENTICATED INVALID_TOKEN");
});

test("bytes in the middle of a stream end it with a reason", async () => {
  const path = "/ocelli.library.v1.LibraryService/UploadPhoto";
  const outcome = await outcomeOf((done) => {
    const stream = client.makeClientStreamRequest(path, asIs, asIs, bearer("user"), done);
    // UploadPhotoRequest.chunk = 2.
    stream.write(Buffer.from([0x12, 1, 7]));
    stream.write(Buffer.alloc(30, 0xff));
    stream.end();
  });
  expect(outcome).toBe("INVALID_ARGUMENT MALFORMED_MESSAGE");
});

test("none of that was a fault of the server", () => {
  expect(failures).toEqual([]);
});
