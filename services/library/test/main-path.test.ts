import { readFile } from "node:fs/promises";
import { libraryV1 } from "@ocelli/contracts";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LibraryUnderTest, startLibrary } from "./library-under-test.ts";

const photosDir = new URL("../../../e2e/photos/", import.meta.url);
const owner = crypto.randomUUID();
let library: LibraryUnderTest;

beforeAll(async () => {
  library = await startLibrary();
});
afterAll(() => library.stop());

async function photo(name: string): Promise<Buffer> {
  return readFile(new URL(name, photosDir));
}

async function collect(stream: AsyncIterable<libraryV1.DownloadPhotoResponse>) {
  let info: libraryV1.BlobInfo | undefined;
  const chunks: Uint8Array[] = [];
  for await (const { part } of stream) {
    if (part?.$case === "info") info = part.value;
    if (part?.$case === "chunk") chunks.push(part.value);
  }
  return {
    info,
    bytes: Buffer.concat(chunks),
    largest: Math.max(...chunks.map((chunk) => chunk.byteLength)),
  };
}

describe("a photo on its way through the library", () => {
  test("upload, get, download, fetch for analysis", async () => {
    const bytes = await photo("astronaut.png");
    const { photo: stored, duplicate } = await library.upload(owner, bytes, {
      filename: "C:\\x\\astro\u202enaut.png",
    });
    expect(duplicate).toBe(false);
    expect(stored).toMatchObject({
      ownerId: owner,
      filename: "astronaut.png",
      mediaType: "image/png",
      width: 512,
      height: 512,
    });
    expect(stored?.stages.map((stage) => stage.status)).toEqual(Array(6).fill("STAGE_STATUS_PENDING"));
    const bearer = await library.userToken(owner);
    const photoId = stored?.id ?? "";
    const { photo: got } = await library.client.getPhoto({ photoId }, { bearer });
    expect(got).toEqual(stored);

    const original = await collect(
      library.client.downloadPhoto(
        { photoId, rendition: libraryV1.Rendition.RENDITION_ORIGINAL },
        { bearer },
      ),
    );
    expect(original.bytes.equals(bytes)).toBe(true);
    expect(original.largest).toBeLessThanOrEqual(65536);
    expect(original.info).toEqual({
      mediaType: "image/png",
      sizeBytes: bytes.byteLength,
      etag: `${stored?.sha256}-original`,
    });

    const thumbnail = await collect(
      library.client.downloadPhoto(
        { photoId, rendition: libraryV1.Rendition.RENDITION_THUMBNAIL },
        { bearer },
      ),
    );
    expect(await sharp(thumbnail.bytes).metadata()).toMatchObject({
      format: "jpeg",
      width: 320,
      height: 320,
    });

    const asService = { bearer: await library.serviceToken("scene"), metadata: undefined };
    const { Metadata } = await import("nice-grpc");
    const metadata = Metadata({ "x-ocelli-acting-user": owner });
    const preview: Uint8Array[] = [];
    for await (const { chunk } of library.client.fetchForAnalysis(
      { photoId, stages: ["scene"] },
      { bearer: asService.bearer, metadata },
    ))
      preview.push(chunk);
    expect(await sharp(Buffer.concat(preview)).metadata()).toMatchObject({ format: "jpeg", width: 512 });
    const { photo: running } = await library.client.getPhoto({ photoId }, { bearer });
    expect(running?.stages[0]).toMatchObject({ stage: "scene", status: "STAGE_STATUS_RUNNING", attempts: 1 });
  });
});
