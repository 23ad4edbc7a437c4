import { commonV1 } from "@ocelli/contracts";
import sharp from "sharp";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { problemOf } from "./json.ts";
import { startTestGateway, type TestGateway } from "./running-gateway.ts";
import { defaultUserId } from "./tokens.ts";
import { addPhoto } from "./upstreams.ts";

let test: TestGateway;
beforeAll(async () => {
  test = await startTestGateway();
});
afterAll(() => test.stop());
beforeEach(() => {
  const { world } = test.upstreams;
  for (const held of [world.photos, world.faces, world.scenes]) held.clear();
  world.down.clear();
});

const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 7) & 255));

function addBytes(): string {
  return addPhoto(test.upstreams.world, { ownerId: defaultUserId, bytes, filename: "IMG 1.jpg" }).id;
}

function get(id: string, headers: Record<string, string>, method = "GET") {
  return test.call(`/photos/${id}/original`, { headers, method });
}

async function bodyOf(response: Response): Promise<Buffer> {
  return Buffer.from(await response.arrayBuffer());
}

describe("a range of bytes", () => {
  it.each([
    ["bytes=0-0", 0, 0],
    ["bytes=0-65535", 0, 65_535],
    ["bytes=65536-", 65_536, 199_999],
    ["bytes=100-99999999", 100, 199_999],
    ["bytes=-500", 199_500, 199_999],
  ])("%s is answered with 206", async (range, first, last) => {
    const response = await get(addBytes(), { range });
    expect(response.status).toBe(206);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-range": `bytes ${first}-${last}/200000`,
      "content-length": String(last - first + 1),
      "accept-ranges": "bytes",
      "content-disposition": 'inline; filename="IMG 1.jpg"',
      "x-content-type-options": "nosniff",
    });
    expect((await bodyOf(response)).equals(bytes.subarray(first, last + 1))).toBe(true);
  });

  it.each(["bytes=200000-", "bytes=-0", "bytes=999999-9999999"])("%s lies beyond the end", async (range) => {
    const response = await get(addBytes(), { range });
    expect(response.headers.get("content-range")).toBe("bytes */200000");
    expect(await problemOf(response)).toEqual([416, "RANGE_NOT_SATISFIABLE"]);
  });

  it.each(["bytes=0-1,5-6", "bytes=9-1", "lines=0-1", "bytes=x"])(
    "%s is answered with all",
    async (range) => {
      const response = await get(addBytes(), { range });
      expect(response.status).toBe(200);
      expect((await bodyOf(response)).equals(bytes)).toBe(true);
    },
  );

  it("holds only for the very bytes that If-Range names", async () => {
    const id = addBytes();
    const etag = (await get(id, {}, "HEAD")).headers.get("etag") ?? "";
    const ask = async (ifRange: string) => {
      const response = await get(id, { range: "bytes=0-9", "if-range": ifRange });
      return [response.status, (await bodyOf(response)).byteLength];
    };
    expect(await ask(etag)).toEqual([206, 10]);
    for (const other of ['"other"', `W/${etag}`, "Sat, 01 Jan 2028 00:00:00 GMT"]) {
      expect(await ask(other)).toEqual([200, 200_000]);
    }
    const unchanged = await get(id, { range: "bytes=0-9", "if-none-match": etag });
    expect([unchanged.status, await unchanged.text()]).toEqual([304, ""]);
    const head = await get(id, { range: "bytes=0-9" }, "HEAD");
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "200000"]);
  });

  it("does not tell of others' photos", async () => {
    const { id } = addPhoto(test.upstreams.world, { ownerId: crypto.randomUUID(), bytes });
    expect(await problemOf(await get(id, { range: "bytes=0-1" }))).toEqual([404, "PHOTO_NOT_FOUND"]);
    expect(await problemOf(await test.call(`/photos/${id}/annotated`))).toEqual([404, "PHOTO_NOT_FOUND"]);
  });

  it("lets browsers keep renditions, which never change", async () => {
    const id = addBytes();
    const kept = await test.call(`/photos/${id}/thumbnail`, { method: "HEAD" });
    expect(kept.headers.get("cache-control")).toBe("private, max-age=86400, immutable");
    expect(kept.headers.get("content-disposition")).toBe(`inline; filename="${id}-thumbnail.jpg"`);
    expect((await get(id, {}, "HEAD")).headers.get("cache-control")).toBe("private, no-cache");
  });
});

describe("/annotated", () => {
  const box = { x: 0.25, y: 0.25, width: 0.5, height: 0.5 };

  async function addPicture(): Promise<string> {
    const { world } = test.upstreams;
    const white = sharp({ create: { width: 400, height: 300, channels: 3, background: "white" } });
    const { id } = addPhoto(world, { ownerId: defaultUserId, bytes: await white.jpeg().toBuffer() });
    const object = { label: "cat", score: 0.9, box };
    world.scenes.set(id, commonV1.SceneResult.fromPartial({ objects: [object] }));
    const face = { score: 0.6, box: { x: 0.4, y: 0.4, width: 0.2, height: 0.2 }, personName: "<Ada> & Bob" };
    world.faces.set(id, [commonV1.Face.fromPartial(face)]);
    return id;
  }

  /** Whether the outlines of the object and of the face are there. */
  async function drawn(id: string, query: string): Promise<[boolean, boolean]> {
    const response = await test.call(`/photos/${id}/annotated${query}`);
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "image/jpeg"]);
    const image = await bodyOf(response);
    const dark = async (left: number) => {
      const cut = sharp(image).extract({ left: left - 3, top: 148, width: 6, height: 4 });
      const { channels } = await sharp(await cut.png().toBuffer()).stats();
      return (channels[0]?.mean ?? 255) < 220;
    };
    return [await dark(100), await dark(160)];
  }

  it("draws what was asked for", async () => {
    const id = await addPicture();
    expect(await drawn(id, "")).toEqual([true, true]);
    expect(await drawn(id, "?faces&objects&labels&minScore=0.5")).toEqual([true, true]);
    expect(await drawn(id, "?faces=false")).toEqual([true, false]);
    expect(await drawn(id, "?objects=false&labels=false")).toEqual([false, true]);
    expect(await drawn(id, "?minScore=0.7")).toEqual([true, false]);
    test.upstreams.world.faces.clear();
    expect(await drawn(id, "")).toEqual([true, false]);
  });

  it("has a tag that follows what is drawn", async () => {
    const id = await addPicture();
    const first = await test.call(`/photos/${id}/annotated`);
    const etag = first.headers.get("etag") ?? "";
    const again = await test.call(`/photos/${id}/annotated`, { headers: { "if-none-match": etag } });
    expect([again.status, await again.text()]).toEqual([304, ""]);
    const other = await test.call(`/photos/${id}/annotated?faces=false`, {
      headers: { "if-none-match": etag },
    });
    expect(other.status).toBe(200);
    const head = await test.call(`/photos/${id}/annotated`, { method: "HEAD" });
    expect([head.headers.get("etag"), await head.text()]).toEqual([etag, ""]);
  });

  it("refuses what makes no sense, and says when a service is away", async () => {
    const id = await addPicture();
    for (const query of ["?minScore=2", "?minScore=NaN", "?faces=maybe", "?size=9", "?minScore=-1"]) {
      expect(await problemOf(await test.call(`/photos/${id}/annotated${query}`))).toEqual([
        400,
        "INVALID_ARGUMENT",
      ]);
    }
    test.upstreams.world.down.add("face");
    expect((await test.call(`/photos/${id}/annotated`)).status).toBe(503);
  });

  it("draws a bounded number of pictures at once", async () => {
    const id = await addPicture();
    const answers = await Promise.all(Array.from({ length: 12 }, () => test.call(`/photos/${id}/annotated`)));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(2);
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    await Promise.all(answers.map((answer) => answer.arrayBuffer()));
    expect((await test.call(`/photos/${id}/annotated`)).status).toBe(200);
  });
});
