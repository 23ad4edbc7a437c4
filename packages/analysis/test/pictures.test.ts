import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  AppError,
  createLogger,
  createMetrics,
  createRpcClient,
  createRpcServer,
  notFound,
  requireService,
  toChunks,
} from "@ocelli/chassis";
import { libraryV1 } from "@ocelli/contracts";
import { createEngine, type Engine, loadManifest } from "@ocelli/inference";
import { ownService, unimplemented } from "@ocelli/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPreviewSource, createRawImageReader } from "../src/index.ts";

const coffee = join(import.meta.dirname, "../../../e2e/photos/coffee.png");
let engine: Engine;
let bytes: Buffer;

beforeAll(async () => {
  engine = createEngine({ manifest: loadManifest(), workers: 1, threadsPerWorker: 1, queueLimit: 4 });
  bytes = await readFile(coffee);
});
afterAll(() => engine?.close());

async function* stream(chunks: Iterable<Uint8Array>, waitMs = 0) {
  for (const chunk of chunks) {
    if (waitMs > 0) await sleep(waitMs);
    yield chunk;
  }
}

const reasonOf = (call: Promise<unknown>) =>
  call.then(
    () => "none",
    (error) => AppError.from(error).reason,
  );

describe("pictures that are not stored", () => {
  test("are decoded at the size of previews and come with their bytes", async () => {
    const reader = createRawImageReader({
      engine,
      maxBytes: 10_000_000,
      maxConcurrent: 1,
      receiveTimeoutMs: 500,
    });
    await reader.withImage(stream(toChunks(bytes)), async (image, same) => {
      expect(Math.max(image.width, image.height)).toBeLessThanOrEqual(1440);
      expect(Buffer.compare(Buffer.from(same), bytes)).toBe(0);
    });
  });

  test("are refused when empty, unreadable or too large", async () => {
    const reader = createRawImageReader({ engine, maxBytes: 1000, maxConcurrent: 1, receiveTimeoutMs: 500 });
    const use = async () => undefined;
    expect(await reasonOf(reader.withImage(stream([]), use))).toBe("EMPTY_FILE");
    expect(await reasonOf(reader.withImage(stream([new Uint8Array(0)]), use))).toBe("EMPTY_FILE");
    expect(await reasonOf(reader.withImage(stream([Buffer.from("no picture")]), use))).toBe(
      "UNSUPPORTED_MEDIA_TYPE",
    );
    expect(await reasonOf(reader.withImage(stream([new Uint8Array(1001)]), use))).toBe("FILE_TOO_LARGE");
  });

  test("that trickle in are cut off, and free their place", async () => {
    const reader = createRawImageReader({
      engine,
      maxBytes: 10_000_000,
      maxConcurrent: 1,
      receiveTimeoutMs: 200,
    });
    const use = async () => "done";
    async function* trickle() {
      for (;;) {
        yield new Uint8Array(1);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    expect(await reasonOf(reader.withImage(trickle(), use))).toBe("UPLOAD_STALLED");
    expect(await reader.withImage(stream(toChunks(bytes)), use)).toBe("done");
  });

  test("above the limit at once are refused with a time to wait; a place is free again after any end", async () => {
    const reader = createRawImageReader({
      engine,
      maxBytes: 10_000_000,
      maxConcurrent: 2,
      receiveTimeoutMs: 5_000,
    });
    const slow = () => reader.withImage(stream(toChunks(bytes), 5), async () => "done");
    const running = [slow(), slow()];
    const refused = await slow().catch(AppError.from);
    expect(refused).toMatchObject({ reason: "ANALYSIS_BUSY", retryAfterMs: expect.any(Number) });
    expect(await Promise.all(running)).toEqual(["done", "done"]);
    const failing = () => reader.withImage(stream(toChunks(bytes)), () => Promise.reject(new Error("no")));
    for (let index = 0; index < 3; index++) expect(await reasonOf(failing())).toBe("INTERNAL");
    expect(await slow()).toBe("done");
  });
});

describe("previews of stored photos", () => {
  const owner = "01999999-0000-7000-8000-00000000000a";
  const [there, gone] = ["01999999-0000-7000-8000-000000000001", "01999999-0000-7000-8000-000000000002"];

  async function startLibrary() {
    const fetched: string[] = [];
    const server = createRpcServer({
      host: "127.0.0.1",
      port: 0,
      log: createLogger({ level: "silent", format: "json" }),
      metrics: createMetrics(),
      verifier: { verify: async () => ownService("scene") },
    });
    server.add(libraryV1.LibraryServiceDefinition, {
      ...unimplemented(libraryV1.LibraryServiceDefinition),
      async *fetchForAnalysis({ photoId, stages }, { identity }) {
        fetched.push(`${photoId} ${stages} ${requireService(identity)}`);
        await sleep(50);
        if (photoId === gone) throw notFound("PHOTO_NOT_FOUND", "There is no such photo.");
        for (const chunk of toChunks(bytes)) yield { chunk };
      },
    });
    const { client, close } = createRpcClient(libraryV1.LibraryServiceDefinition, {
      address: await server.listen(),
      serviceToken: { token: async () => "token" },
    });
    const previews = createPreviewSource({ engine, library: client, fetchTimeoutMs: 5_000 });
    const open = (photoId: string, sha256: string) =>
      previews.open({ photoId, ownerId: owner, sha256 }, ["scene"], new AbortController().signal);
    return {
      fetched,
      open,
      async stop() {
        close();
        await server.stop(100);
      },
    };
  }

  test("are fetched once for the owner, decoded once, and shared", async () => {
    const library = await startLibrary();
    const images = await Promise.all([library.open(there, "a"), library.open(there, "a")]);
    expect(images[0]).toBe(images[1]);
    expect(await library.open(there, "a")).toBe(images[0]);
    expect(library.fetched).toEqual([`${there} scene ${owner}`]);
    await library.stop();
  });

  test("of the same bytes are not lost with another photo that is gone", async () => {
    const library = await startLibrary();
    const [lost, found] = await Promise.all([reasonOf(library.open(gone, "b")), library.open(there, "b")]);
    expect(lost).toBe("PHOTO_NOT_FOUND");
    expect(found.width).toBeGreaterThan(0);
    await library.stop();
  });
});
