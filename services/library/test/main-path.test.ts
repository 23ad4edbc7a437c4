import { AppError } from "@ocelli/chassis";
import { libraryV1, stages as stageTree } from "@ocelli/contracts";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LibraryUnderTest, startLibrary } from "./library-under-test.ts";
import { jpeg, photo } from "./photos-for-tests.ts";

const { Rendition } = libraryV1;
const owner = crypto.randomUUID();
const stranger = crypto.randomUUID();
let library: LibraryUnderTest;
let photoId = "";

beforeAll(async () => {
  library = await startLibrary();
});
afterAll(() => library?.stop());

async function reasonOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "accepted",
    (error: unknown) => AppError.from(error).reason,
  );
}

describe("a photo on its way through the library", () => {
  test("is stored with its facts and all stages pending", async () => {
    const filename = "C:\\holiday\\astro\u202enaut.png";
    const { photo: stored, duplicate } = await library.upload(owner, await photo("astronaut.png"), {
      filename,
    });
    photoId = stored?.id ?? "";
    expect(duplicate).toBe(false);
    const facts = {
      ownerId: owner,
      filename: "astronaut.png",
      mediaType: "image/png",
      width: 512,
      height: 512,
    };
    expect(stored).toMatchObject(facts);
    expect(stored?.stages.map(({ stage }) => stage)).toEqual(stageTree.map(({ name }) => name));
    expect(new Set(stored?.stages.map(({ status }) => status))).toEqual(new Set(["STAGE_STATUS_PENDING"]));
    const bearer = await library.userToken(owner);
    expect((await library.client.getPhoto({ photoId }, { bearer })).photo).toEqual(stored);
  });

  test("is downloaded in chunks that a leading message describes", async () => {
    const bearer = await library.userToken(owner);
    const bytes = await photo("astronaut.png");
    const parts: libraryV1.DownloadPhotoResponse["part"][] = [];
    const request = { photoId, rendition: Rendition.RENDITION_ORIGINAL };
    for await (const { part } of library.client.downloadPhoto(request, { bearer })) parts.push(part);
    const [info, ...chunks] = parts;
    expect(info?.$case).toBe("info");
    expect(info?.value).toMatchObject({ mediaType: "image/png", sizeBytes: bytes.byteLength });
    expect(info?.value).toHaveProperty("etag", expect.stringMatching(/^[0-9a-f]{64}-original$/));
    const sizes = chunks.map((part) => (part?.$case === "chunk" ? part.value.byteLength : -1));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(65_536);
    expect((await library.download(owner, photoId, Rendition.RENDITION_ORIGINAL)).equals(bytes)).toBe(true);
    const thumbnail = await library.download(owner, photoId, Rendition.RENDITION_THUMBNAIL);
    expect(await sharp(thumbnail).metadata()).toMatchObject({ format: "jpeg", width: 320, height: 320 });
    const none = library.download(owner, photoId, Rendition.RENDITION_UNSPECIFIED);
    expect(await reasonOf(none)).toBe("INVALID_RENDITION");
  });

  test("is invisible to others, in every way alike", async () => {
    const bearer = await library.userToken(stranger);
    for (const id of [photoId, crypto.randomUUID(), "", "x".repeat(10_000), "'; drop table photos"]) {
      expect(await reasonOf(library.client.getPhoto({ photoId: id }, { bearer }))).toBe("PHOTO_NOT_FOUND");
      expect(await reasonOf(library.download(stranger, id, Rendition.RENDITION_PREVIEW))).toBe(
        "PHOTO_NOT_FOUND",
      );
      expect(await reasonOf(library.fetchForAnalysis(stranger, id, ["scene"]))).toBe("PHOTO_NOT_FOUND");
    }
    expect((await library.client.listPhotos({}, { bearer })).photos).toEqual([]);
    const own = await library.client.getPhoto({ photoId }, { bearer: await library.userToken(owner) });
    expect(own.photo?.stages[0]?.attempts).toBe(0);
  });

  test("is fetched for analysis by services only", async () => {
    const preview = await library.fetchForAnalysis(owner, photoId, ["scene", "faces"]);
    expect(await sharp(preview).metadata()).toMatchObject({ format: "jpeg", width: 512 });
    const bearer = await library.userToken(owner);
    const { photo: running } = await library.client.getPhoto({ photoId }, { bearer });
    const states = running?.stages.map(({ stage, status, attempts }) => `${stage} ${status} ${attempts}`);
    expect(states?.slice(0, 3)).toEqual([
      "scene STAGE_STATUS_RUNNING 1",
      "faces STAGE_STATUS_RUNNING 1",
      "people STAGE_STATUS_PENDING 0",
    ]);
    expect(await reasonOf(library.fetchForAnalysis(owner, photoId, ["nonsense"]))).toBe("UNKNOWN_STAGE");
    const asUser = drain(library.client.fetchForAnalysis({ photoId, stages: ["scene"] }, { bearer }));
    expect(await reasonOf(asUser)).toBe("SERVICES_ONLY");
  });
});

describe("the list", () => {
  const lister = crypto.randomUUID();

  test("pages newest first without gaps or repeats", async () => {
    const ids: string[] = [];
    for (let seed = 0; seed < 7; seed++)
      ids.push((await library.upload(lister, await jpeg(500 + seed))).photo?.id ?? "");
    const bearer = await library.userToken(lister);
    const seen: string[] = [];
    let pageToken = "";
    let pages = 0;
    do {
      const page = await library.client.listPhotos({ pageSize: 3, pageToken }, { bearer });
      seen.push(...page.photos.map(({ id }) => id));
      expect(page.photos.every(({ stages }) => stages.length === stageTree.length)).toBe(true);
      pageToken = page.nextPageToken;
      pages += 1;
    } while (pageToken !== "");
    expect(pages).toBe(3);
    expect(seen).toEqual([...ids].sort().reverse());
    expect((await library.client.listPhotos({ pageSize: 10_000 }, { bearer })).photos).toHaveLength(7);
    expect((await library.client.listPhotos({ pageSize: 7 }, { bearer })).nextPageToken).toBe("");
  });

  test("refuses what is not a page", async () => {
    const bearer = await library.userToken(lister);
    expect(await reasonOf(library.client.listPhotos({ pageSize: -1 }, { bearer }))).toBe("INVALID_PAGE_SIZE");
    for (const pageToken of ["garbage", "x".repeat(5000), Buffer.from('{"v":1}').toString("base64url")]) {
      expect(await reasonOf(library.client.listPhotos({ pageToken }, { bearer }))).toBe("INVALID_PAGE_TOKEN");
    }
  });
});

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}
