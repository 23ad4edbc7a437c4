import { AppError } from "@ocelli/chassis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type LibraryUnderTest,
  startLibrary,
  unfinishedUpload,
  uploadMessages,
} from "./library-under-test.ts";
import { jpeg, jpegWithCorruptExif, photo, picture, pngClaiming } from "./photos-for-tests.ts";

let library: LibraryUnderTest;
const limits = {
  maxUploadBytes: 900_000,
  maxImagePixels: 1_000_000,
  uploadMediaTypes: ["image/jpeg", "image/png", "image/gif"],
  uploadMinSide: 32,
  uploadMaxSide: 2000,
};
beforeAll(async () => {
  library = await startLibrary(limits);
});
afterAll(() => library?.stop());

async function validate(owner: string, bytes: Uint8Array) {
  const bearer = await library.userToken(owner);
  return library.photos.validatePhoto(uploadMessages(bytes), { bearer, deadline: 60_000 });
}

/** Files and what an upload says of them. */
const files: [name: string, bytes: () => Promise<Uint8Array>, verdict: string][] = [
  ["a good JPEG", () => jpeg(60_001), "stored"],
  ["a good PNG", () => photo("chelsea.png"), "stored"],
  ["a JPEG with noise for EXIF", jpegWithCorruptExif, "stored"],
  ["nothing", async () => new Uint8Array(), "EMPTY_FILE"],
  ["text", async () => Buffer.from("no picture at all"), "UNSUPPORTED_MEDIA_TYPE"],
  ["an SVG", async () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), "UNSUPPORTED_MEDIA_TYPE"],
  ["half a JPEG", async () => (await photo("rocket.jpg")).subarray(0, 60_000), "CORRUPT_IMAGE"],
  ["a broken PNG", async () => pngClaiming(100, 100), "CORRUPT_IMAGE"],
  ["a bomb", async () => pngClaiming(60_000, 60_000), "TOO_MANY_PIXELS"],
  ["too many bytes", async () => Buffer.alloc(900_001, 1), "FILE_TOO_LARGE"],
  ["a type that is not wanted", () => picture(1).webp().toBuffer(), "MEDIA_TYPE_NOT_ALLOWED"],
  [
    "a side that is too short",
    () => picture(2, { width: 64, height: 31 }).png().toBuffer(),
    "IMAGE_TOO_SMALL",
  ],
  [
    "a side that is too long",
    () => picture(3, { width: 2001, height: 40 }).png().toBuffer(),
    "IMAGE_TOO_LARGE",
  ],
];

describe("validating says what an upload does:", () => {
  test.each(files)("%s", async (_name, make, verdict) => {
    const owner = crypto.randomUUID();
    const bytes = await make();
    const counts = async () => [
      await library.files(),
      await library.count("images"),
      await library.count("outbox"),
    ];
    const before = await counts();
    const validated = await validate(owner, bytes);
    expect(await counts()).toEqual(before);
    const uploaded = await library.upload(owner, bytes).then(
      ({ photo: stored }) => ({ verdict: "stored", message: "", stored }),
      (error: unknown) => ({
        verdict: AppError.from(error).reason,
        message: AppError.from(error).message,
        stored: undefined,
      }),
    );
    expect(uploaded.verdict).toBe(verdict);
    const { stored, message } = uploaded;
    expect(validated.valid).toBe(stored !== undefined);
    if (!stored) return expect(validated.problems[0]).toEqual({ reason: verdict, message });
    const { mediaType, width, height, sizeBytes, sha256 } = stored;
    expect(validated).toMatchObject({
      mediaType,
      width,
      height,
      sizeBytes,
      sha256,
      duplicateOf: "",
      problems: [],
    });
    // Now that it is there, both know it.
    expect(await validate(owner, bytes)).toMatchObject({ valid: true, duplicateOf: stored.id });
    expect(await validate(crypto.randomUUID(), bytes)).toMatchObject({ valid: true, duplicateOf: "", width });
  });
});

test("everything that speaks against a file is named", async () => {
  const owner = crypto.randomUUID();
  const setQuota = { userId: owner, quota: { photos: 1 } };
  await library.client.setQuota(setQuota, { bearer: await library.adminToken() });
  await library.upload(owner, await jpeg(60_100));
  const bytes = await picture(4, { width: 2001, height: 20 }).webp().toBuffer();
  const { problems, valid, mediaType, width } = await validate(owner, bytes);
  expect([valid, mediaType, width]).toEqual([false, "image/webp", 2001]);
  expect(problems.map(({ reason }) => reason)).toEqual([
    "MEDIA_TYPE_NOT_ALLOWED",
    "IMAGE_TOO_SMALL",
    "IMAGE_TOO_LARGE",
    "QUOTA_EXCEEDED",
  ]);
});

test("what says nothing of the file is an error", async () => {
  const bearer = await library.userToken(crypto.randomUUID());
  const bytes = await jpeg(60_200);
  const broken = library.photos.validatePhoto(unfinishedUpload(bytes), { bearer });
  expect(await broken.catch(AppError.from)).toMatchObject({ reason: "UPLOAD_INCOMPLETE" });
  await library.restart({ uploadConcurrency: 1 });
  const gate = Promise.withResolvers<void>();
  async function* slow() {
    yield* unfinishedUpload(bytes);
    await gate.promise;
    yield { part: { $case: "end" as const, value: { sizeBytes: bytes.byteLength } } };
  }
  const first = library.photos.validatePhoto(slow(), { bearer });
  await expect.poll(async () => (await library.files()).length, { timeout: 5_000 }).toBeGreaterThan(0);
  // Looking at a file takes the place of an upload.
  const second = library.upload(crypto.randomUUID(), await jpeg(60_201)).catch(AppError.from);
  expect(await second).toMatchObject({ reason: "INGEST_QUEUE_FULL" });
  gate.resolve();
  expect(await first).toMatchObject({ valid: true });
});
