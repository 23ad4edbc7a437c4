import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { bodyOf, problemOf } from "./json.ts";
import { fileForm, startTestGateway, type TestGateway } from "./running-gateway.ts";
import { defaultUserId } from "./tokens.ts";
import { addPhoto, setStage } from "./upstreams.ts";

let test: TestGateway;
beforeAll(async () => {
  test = await startTestGateway({ MAX_UPLOAD_BYTES: "1mb" });
});
afterAll(() => test.stop());
beforeEach(() => {
  test.upstreams.world.photos.clear();
  test.upstreams.world.down.clear();
  test.upstreams.world.onUpload = () => undefined;
});

const post = (body: NonNullable<RequestInit["body"]>, headers: Record<string, string> = {}) =>
  test.call("/photos", { method: "POST", body, headers });

describe("POST /photos", () => {
  it("streams the file to the library and names the photo", async () => {
    const bytes = Buffer.alloc(300_000, 7);
    const response = await post(fileForm(bytes, "фото.png"));
    const photo = await bodyOf(response);
    expect(response.status).toBe(201);
    expect(response.headers.get("location")).toBe(`/api/v1/photos/${photo.id}`);
    expect(photo).toMatchObject({ filename: "фото.png", sizeBytes: 300_000, duplicate: false });
    expect(test.upstreams.world.photos.get(photo.id)?.bytes.equals(bytes)).toBe(true);
  });

  it("answers 200 for bytes the owner already has", async () => {
    await post(fileForm("same"));
    const response = await post(fileForm("same"));
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ duplicate: true });
  });

  it("refuses forms without the file", async () => {
    const form = new FormData();
    form.append("picture", new Blob(["x"]), "x.jpg");
    expect(await problemOf(await post(form))).toEqual([400, "MISSING_FILE"]);
  });

  it("refuses bodies that are no form, empty or malformed", async () => {
    const type = { "content-type": "multipart/form-data; boundary=x" };
    expect(await problemOf(await post("{}", { "content-type": "application/json" }))).toEqual([
      415,
      "EXPECTED_MULTIPART",
    ]);
    expect(await problemOf(await post("", type))).toEqual([400, "EMPTY_BODY"]);
    expect(await problemOf(await post("garbage", type))).toEqual([400, "MALFORMED_MULTIPART"]);
    expect(await problemOf(await post("x", { "content-type": "multipart/form-data; a=b" }))).toEqual([
      400,
      "MALFORMED_MULTIPART",
    ]);
    const cut = '--x\r\ncontent-disposition: form-data; name="file"; filename="a.jpg"\r\n\r\nhalf a file';
    expect(await problemOf(await post(cut, type))).toEqual([400, "MALFORMED_MULTIPART"]);
    expect(test.upstreams.world.photos.size).toBe(0);
  });

  it("passes on what the library says of the bytes", async () => {
    expect(await problemOf(await post(fileForm("")))).toEqual([400, "EMPTY_FILE"]);
  });
});

describe("GET /photos/{id}", () => {
  it("joins what all services know and shows what is missing as null", async () => {
    const { world } = test.upstreams;
    const photo = addPhoto(world, { ownerId: defaultUserId });
    setStage(photo, "caption", "STAGE_STATUS_SUCCEEDED");
    world.captions.set(photo.id, { text: "a cat", source: "RESULT_SOURCE_PLAIN", score: 0.4 });
    const body = await bodyOf(await test.call(`/photos/${photo.id}`));
    expect(body).toMatchObject({
      id: photo.id,
      exif: { model: "Camera" },
      takenAt: null,
      createdAt: "2026-01-02T03:04:05.000Z",
      caption: { text: "a cat", source: "PLAIN", model: "test-model@1", score: 0.4 },
      scene: null,
      faces: null,
      unavailable: [],
      stages: { caption: { status: "SUCCEEDED" }, scene: { status: "PENDING", attempts: 0, error: null } },
    });
  });

  it("names services that are down and shows the rest", async () => {
    const { world } = test.upstreams;
    const photo = addPhoto(world, { ownerId: defaultUserId });
    world.down.add("scene");
    const response = await test.call(`/photos/${photo.id}`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ scene: null, unavailable: ["scene"] });
  });

  it("answers alike for unknown, foreign and impossible ids", async () => {
    const foreign = addPhoto(test.upstreams.world, { ownerId: "018f0000-0000-7000-8000-000000000002" });
    for (const id of [foreign.id, "018f0000-0000-7000-8000-00000000dead", "nonsense"]) {
      expect(await problemOf(await test.call(`/photos/${id}`))).toEqual([404, "PHOTO_NOT_FOUND"]);
    }
  });
});
