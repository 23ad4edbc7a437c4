import { commonV1 } from "@ocelli/contracts";
import sharp from "sharp";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { someId } from "./auth-upstreams.ts";
import { bodyOf } from "./json.ts";
import { startTestGateway, type TestGateway } from "./running-gateway.ts";
import { defaultUserId } from "./tokens.ts";
import { addPhoto, setStage } from "./upstreams.ts";

let test: TestGateway;
beforeAll(async () => {
  test = await startTestGateway();
});
afterAll(() => test.stop());
beforeEach(() => test.upstreams.world.photos.clear());

const box = { x: 0.4, y: 0.4, width: 0.2, height: 0.2 };
const face = commonV1.Face.fromPartial({ id: someId, box, score: 0.9, personId: someId, personName: "Ada" });

/** A photo with one face that was recognised, and a name to look for. */
async function addRecognised(): Promise<string> {
  const white = sharp({ create: { width: 400, height: 300, channels: 3, background: "white" } });
  const photo = addPhoto(test.upstreams.world, {
    ownerId: defaultUserId,
    bytes: await white.jpeg().toBuffer(),
  });
  for (const { stage } of photo.stages) setStage(photo, stage, "STAGE_STATUS_SKIPPED");
  for (const stage of ["people", "faces"]) setStage(photo, stage, "STAGE_STATUS_SUCCEEDED");
  test.upstreams.world.faces.set(photo.id, [face]);
  return photo.id;
}

/** Headers of an API key with just these scopes. */
async function keyWith(scope: string): Promise<{ headers: Record<string, string> }> {
  return { headers: { authorization: `Bearer ${await test.signer.sign({ scope, apiKeyId: someId })}` } };
}

const known = { personId: someId, personName: "Ada" };
const unknown = { personId: null, personName: null };

describe("whose a face is", () => {
  it("is told to its owner and to keys with the scope people", async () => {
    const id = await addRecognised();
    for (const init of [{}, await keyWith("photos:read people")]) {
      expect(await bodyOf(await test.call(`/photos/${id}`, init))).toMatchObject({ faces: [known] });
      expect(await bodyOf(await test.call(`/photos/${id}/faces`, init))).toMatchObject({ items: [known] });
    }
  });

  it("is not told to keys without it", async () => {
    const id = await addRecognised();
    const init = await keyWith("photos:read");
    const photo = await bodyOf(await test.call(`/photos/${id}`, init));
    expect(photo.faces).toMatchObject([{ id: someId, score: 0.9, ...unknown }]);
    const faces = await bodyOf(await test.call(`/photos/${id}/faces`, init));
    expect(faces.items).toMatchObject([{ id: someId, ...unknown }]);
    const events = await (await test.call(`/photos/${id}/events`, init)).text();
    expect(events).not.toMatch(/Ada|event: people/);
    expect(events).toMatch(/event: faces[\s\S]*event: done/);
  });

  it("is drawn only for those who may know", async () => {
    const id = await addRecognised();
    const draw = async (query: string, init: RequestInit = {}) => {
      const response = await test.call(`/photos/${id}/annotated${query}`, init);
      expect(response.status).toBe(200);
      return Buffer.from(await response.arrayBuffer());
    };
    const [named, plain] = [await draw(""), await draw("?labels=false")];
    expect(named.equals(plain)).toBe(false);
    expect((await draw("", await keyWith("photos:read"))).equals(plain)).toBe(true);
    expect((await draw("", await keyWith("photos:read people"))).equals(named)).toBe(true);
  });

  it("comes after the faces in the live stream of a stored photo", async () => {
    const id = await addRecognised();
    const text = await (await test.call(`/photos/${id}/events`)).text();
    const lines = [...text.matchAll(/^data: (.*)$/gm)].map(([, line = ""]) => JSON.parse(line));
    expect(lines.map(({ type }) => type)).toEqual(["photo", "faces", "people", "done"]);
    expect(lines[2]).toMatchObject({
      description: "1 known person, Ada",
      data: { people: [{ personId: someId, personName: "Ada", faceId: someId }] },
    });
  });
});

describe("what recognises a face", () => {
  it("is in no answer that the API describes", async () => {
    const openapi = await bodyOf(await test.call("//openapi.json"));
    const names = new Set<string>();
    const collect = (value: unknown): void => {
      if (value === null || typeof value !== "object") return;
      for (const [name, inner] of Object.entries(value)) {
        if (name === "properties") for (const property of Object.keys(inner)) names.add(property);
        collect(inner);
      }
    };
    collect(openapi);
    expect(names).toContain("personId");
    expect([...names].filter((name) => /embedding|vector|descriptor|landmark|template/i.test(name))).toEqual(
      [],
    );
  });

  it("is in no answer about persons and faces", async () => {
    const paths = ["/people", `/people/${someId}`, `/people/${someId}/faces`, "/faces", `/faces/${someId}`];
    for (const path of [...paths, "/people/suggestions"]) {
      const text = await (await test.call(path)).text();
      expect(text, path).toContain(someId);
      expect(text, path).not.toMatch(/embedding|vector|landmark/i);
      // No list of numbers at all.
      expect(text, path).not.toMatch(/\[\s*-?\d/);
    }
  });
});
