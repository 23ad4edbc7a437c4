import { request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { createRpcClient, toChunks } from "@ocelli/chassis";
import { libraryV1 } from "@ocelli/contracts";
import { afterEach, expect, test } from "vitest";
import { copy, jpeg } from "./harness/bad-files.ts";
import { Client } from "./harness/client.ts";
import { checkHealth } from "./harness/grpc-over-http2.ts";
import { grpcAddress } from "./harness/grpc-services.ts";
import { dataDirectory, type OcelliProcess, removeFolders, startOcelli } from "./harness/ocelli-process.ts";

const serving = 1;
const notServing = 2;
let ocelli: OcelliProcess;

afterEach(async () => {
  await ocelli.end("SIGKILL");
  removeFolders();
});

async function start(env: NodeJS.ProcessEnv): Promise<Client> {
  const folder = dataDirectory();
  ocelli = await startOcelli(["up"], { OCELLI_DATA: folder, OCELLI_EVENTS: "in-process", ...env });
  return Client.signedUp(ocelli.address, "maria@example.org");
}

/** An upload of which only the beginning was sent; `finish` sends the rest and tells the status. */
function beginUpload(client: Client, bytes: Uint8Array): { finish(): Promise<number> } {
  const boundary = "boundary-of-the-test";
  const head = `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n`;
  const answer = Promise.withResolvers<number>();
  const sending = request(`${ocelli.address}/api/v1/photos`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${client.token}`,
      "content-type": `multipart/form-data; boundary=${boundary}`,
    },
  });
  sending.on("response", (response) => answer.resolve(response.resume().statusCode ?? 0));
  sending.on("error", answer.reject);
  // A connection that is cut is no news before somebody asks how the upload ended.
  answer.promise.catch(() => undefined);
  sending.write(head);
  sending.write(bytes.subarray(0, 1000));
  return {
    finish() {
      sending.write(bytes.subarray(1000));
      sending.end(`\r\n--${boundary}--\r\n`);
      return answer.promise;
    },
  };
}

/** The messages of an upload whose last ones wait. */
async function* slowMessages(bytes: Uint8Array, rest: Promise<void>) {
  yield { part: { $case: "info" as const, value: { filename: "b.jpg", interactive: false, albumId: "" } } };
  const [first = new Uint8Array(), ...others] = toChunks(bytes);
  yield { part: { $case: "chunk" as const, value: first } };
  await rest;
  for (const chunk of others) yield { part: { $case: "chunk" as const, value: chunk } };
  yield { part: { $case: "end" as const, value: { sizeBytes: bytes.byteLength } } };
}

test("SIGTERM under load: not ready at once, uploads, streams and calls finish, what does not is cut, exit 0", async () => {
  const client = await start({ SHUTDOWN_DELAY: "1s", SHUTDOWN_GRACE: "4s" });
  const library = createRpcClient(libraryV1.LibraryServiceDefinition, {
    address: grpcAddress(ocelli, "library"),
  });
  const upload = beginUpload(client, copy(await jpeg(1)));
  const abandoned = beginUpload(client, copy(await jpeg(3)));
  const rest = Promise.withResolvers<void>();
  const stream = library.client.uploadPhoto(slowMessages(copy(await jpeg(2)), rest.promise), {
    bearer: client.token,
    deadline: 20_000,
  });
  const events = await fetch(`${ocelli.address}/api/v1/events`, {
    headers: { authorization: `Bearer ${client.token}` },
  });
  const messages = events.text();
  expect(await checkHealth(grpcAddress(ocelli, "scene"), "")).toBe(serving);
  await delay(200);

  const ended = ocelli.end("SIGTERM");
  await expect.poll(async () => (await fetch(`${ocelli.address}/ready`)).status).toBe(503);
  // Said before anything is closed: balancers have their time to look elsewhere.
  expect((await fetch(`${ocelli.address}/health`)).status).toBe(200);
  expect(await checkHealth(grpcAddress(ocelli, "scene"), "")).toBe(notServing);
  expect(await checkHealth(grpcAddress(ocelli, "scene"), "liveness")).toBe(serving);
  expect(await client.search("anything")).toEqual([]);
  await delay(1_200);
  await expect(fetch(`${ocelli.address}/health`)).rejects.toThrow("fetch failed");
  expect(await upload.finish()).toBe(201);
  rest.resolve();
  expect((await stream).photo?.filename).toBe("b.jpg");
  expect(await messages).toContain("event: hello");
  expect(await ended).toBe(0);
  await expect(abandoned.finish()).rejects.toThrow();
  library.close();
});

test("a second signal ends the process at once", async () => {
  const client = await start({ SHUTDOWN_DELAY: "20s" });
  beginUpload(client, copy(await jpeg(4)))
    .finish()
    .catch(() => undefined);
  const ended = ocelli.end("SIGTERM");
  await expect.poll(() => ocelli.output()).toContain("once more ends it at once");
  const startedAt = performance.now();
  ocelli.child.kill("SIGTERM");
  expect(await ended).toBe(130);
  expect(performance.now() - startedAt).toBeLessThan(2_000);
});
