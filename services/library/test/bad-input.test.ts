import { AppError, maxChunkBytes } from "@ocelli/chassis";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  type LibraryUnderTest,
  startLibrary,
  unfinishedUpload,
  uploadMessages,
} from "./library-under-test.ts";
import { jpeg, jpegWithCorruptExif, photo, picture, pngClaiming } from "./photos-for-tests.ts";

const maxUploadBytes = 600_000;
const owner = crypto.randomUUID();
let library: LibraryUnderTest;

beforeAll(async () => {
  library = await startLibrary({ maxUploadBytes, maxImagePixels: 1_000_000, uploadIdleTimeoutMs: 300 });
});
afterAll(() => library?.stop());

async function reasonOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "accepted",
    (error: unknown) => AppError.from(error).reason,
  );
}

async function nothingStored(): Promise<void> {
  expect(await library.files()).toEqual([]);
  for (const table of ["images", "photos", "photo_stages", "outbox"] as const) {
    expect(await library.count(table)).toBe(0);
  }
}

describe("bad uploads are refused with a reason and leave nothing behind", () => {
  afterEach(nothingStored);

  const html = "<!doctype html><script>alert(1)</script>";
  const svg = `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>`;
  const cases: Array<[string, string, () => Buffer | Promise<Buffer>]> = [
    ["0 bytes", "EMPTY_FILE", () => Buffer.alloc(0)],
    ["text named .jpg", "UNSUPPORTED_MEDIA_TYPE", () => Buffer.from("just some words\n".repeat(50))],
    ["HTML", "UNSUPPORTED_MEDIA_TYPE", () => Buffer.from(html)],
    ["SVG", "UNSUPPORTED_MEDIA_TYPE", () => Buffer.from(svg)],
    ["SVG without prolog", "UNSUPPORTED_MEDIA_TYPE", () => Buffer.from(svg.slice(21))],
    [
      "PDF",
      "UNSUPPORTED_MEDIA_TYPE",
      () => Buffer.from("%PDF-1.7\n%\xE2\xE3\xCF\xD3\n1 0 obj\n<<>>\nendobj\n", "latin1"),
    ],
    ["HEIC without anything in it", "CORRUPT_IMAGE", heicHeader],
    ["JPEG cut in the middle", "CORRUPT_IMAGE", async () => half(await photo("rocket.jpg"))],
    [
      "JPEG without its last 50 bytes",
      "CORRUPT_IMAGE",
      async () => (await photo("rocket.jpg")).subarray(0, -50),
    ],
    ["JPEG of three bytes", "CORRUPT_IMAGE", () => Buffer.from([0xff, 0xd8, 0xff])],
    ["PNG cut in the middle", "CORRUPT_IMAGE", async () => half(await picture(1).png().toBuffer())],
    ["WebP cut in the middle", "CORRUPT_IMAGE", async () => half(await picture(1).webp().toBuffer())],
    ["GIF cut in the middle", "CORRUPT_IMAGE", async () => half(await picture(1).gif().toBuffer())],
    ["AVIF cut in the middle", "CORRUPT_IMAGE", async () => half(await picture(1).avif().toBuffer())],
    ["TIFF cut in the middle", "CORRUPT_IMAGE", async () => half(await picture(1).tiff().toBuffer())],
    ["PNG claiming 100,000 x 100,000", "TOO_MANY_PIXELS", () => pngClaiming(100_000, 100_000)],
    ["the same, header only", "TOO_MANY_PIXELS", () => pngClaiming(100_000, 100_000, false)],
    ["PNG claiming the largest size", "TOO_MANY_PIXELS", () => pngClaiming(0xffffffff, 0xffffffff)],
    [
      "more pixels than allowed",
      "TOO_MANY_PIXELS",
      () => picture(1, { width: 1001, height: 1000 }).jpeg().toBuffer(),
    ],
    ["one byte too many", "FILE_TOO_LARGE", () => Buffer.alloc(maxUploadBytes + 1, 1)],
  ];
  test.each(cases)("%s: %s", async (_name, reason, bytes) => {
    expect(await reasonOf(library.upload(owner, await bytes(), { filename: "holiday.jpg" }))).toBe(reason);
  });

  test("an endless body is cut off while it streams", async () => {
    let sent = 0;
    async function* endless() {
      yield* unfinishedUpload(Buffer.alloc(0));
      for (; sent < 1000; sent++) {
        yield { part: { $case: "chunk" as const, value: Buffer.alloc(maxChunkBytes, sent) } };
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
    const bearer = await library.userToken(owner);
    expect(await reasonOf(library.client.uploadPhoto(endless(), { bearer }))).toBe("FILE_TOO_LARGE");
    expect(sent).toBeLessThan(100);
  });

  test("a client that goes away", async () => {
    const bytes = await photo("rocket.jpg");
    const abort = new AbortController();
    async function* broken() {
      yield* unfinishedUpload(bytes.subarray(0, 70_000));
      await expect.poll(() => library.files()).toHaveLength(1);
      abort.abort();
    }
    const bearer = await library.userToken(owner);
    const call = library.client.uploadPhoto(broken(), { bearer, signal: abort.signal });
    await expect(call).rejects.toThrow();
    await expect.poll(() => library.files()).toEqual([]);
  });

  test("a client that falls silent", async () => {
    async function* silent() {
      yield* unfinishedUpload(Buffer.alloc(1000, 7));
      await new Promise((resolve) => setTimeout(resolve, 1500));
    }
    const bearer = await library.userToken(owner);
    expect(await reasonOf(library.client.uploadPhoto(silent(), { bearer }))).toBe("UPLOAD_STALLED");
  });

  test("a stream that ends without its end, or with another size, is an incomplete upload", async () => {
    const bytes = await photo("rocket.jpg");
    const bearer = await library.userToken(owner);
    const wrongEnd = { part: { $case: "end" as const, value: { sizeBytes: bytes.byteLength + 1 } } };
    async function* miscounted() {
      yield* unfinishedUpload(bytes);
      yield wrongEnd;
    }
    for (const messages of [unfinishedUpload(bytes), miscounted()]) {
      expect(await reasonOf(library.client.uploadPhoto(messages, { bearer }))).toBe("UPLOAD_INCOMPLETE");
    }
  });

  test("messages out of order, and chunks beyond 64 KiB", async () => {
    const bearer = await library.userToken(owner);
    const info = { part: { $case: "info" as const, value: { filename: "a.jpg", interactive: false } } };
    const chunk = { part: { $case: "chunk" as const, value: Buffer.alloc(maxChunkBytes + 1) } };
    const send = (...messages: Array<typeof info | typeof chunk>) =>
      reasonOf(library.client.uploadPhoto(streamOf(messages), { bearer }));
    expect(await send()).toBe("INVALID_UPLOAD");
    expect(await send(chunk)).toBe("INVALID_UPLOAD");
    expect(await send(info, info)).toBe("INVALID_UPLOAD");
    expect(await send(info, chunk)).toBe("CHUNK_TOO_LARGE");
  });

  test("nobody", async () => {
    const call = library.client.uploadPhoto(uploadMessages(await jpeg(1)));
    expect(await reasonOf(call)).toBe("UNAUTHENTICATED");
  });
});

describe("after all that", () => {
  test("a JPEG with damaged EXIF is accepted, without EXIF", async () => {
    const { photo: stored } = await library.upload(owner, await jpegWithCorruptExif());
    expect(stored).toMatchObject({ mediaType: "image/jpeg", width: 64, height: 48 });
    expect(stored?.takenAt).toBeUndefined();
  });
});

function half(bytes: Buffer): Buffer {
  return bytes.subarray(0, Math.floor(bytes.byteLength * 0.6));
}

function heicHeader(): Buffer {
  const header = Buffer.alloc(64);
  header.writeUInt32BE(24, 0);
  header.write("ftypheic", 4, "latin1");
  header.write("mif1heic", 16, "latin1");
  return header;
}

async function* streamOf<T>(messages: readonly T[]): AsyncGenerator<T> {
  yield* messages;
}
