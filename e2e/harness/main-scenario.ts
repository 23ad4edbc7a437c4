import { stages as stageTree } from "@ocelli/contracts";
import { beforeAll, expect, test } from "vitest";
import { Client, readLines } from "./client.ts";
import { photoBytes, photoNames } from "./photos.ts";

/**
 * Registers the tests of the main job: a new user's real photos in, everything Ocelli sees out. The same for every way
 * of running Ocelli. `address` is the base URL of a gateway that is ready before the first test.
 */
export function mainScenario(address: () => string): void {
  let client: Client;
  const ids = new Map<string, string>();

  beforeAll(async () => {
    client = await Client.signedUp(address(), "maria@example.org");
  });

  test("the astronaut is a person with one face, and every stage succeeds", async () => {
    const id = await client.upload(photoBytes("astronaut.png"), "astronaut.png");
    ids.set("astronaut.png", id);
    const photo = await client.analysed(id);
    expect(
      Object.entries(photo.stages)
        .map(([stage, { status }]) => `${stage} ${status}`)
        .sort(),
    ).toEqual(stageTree.map(({ name }) => `${name} SUCCEEDED`).sort());
    expect(photo.caption?.text).toMatch(/\b(person|woman|man|people|astronaut|girl|lady)\b/);
    expect(photo.faces).toHaveLength(1);
    expect(photo.objects?.map((object) => object.label)).toContain("person");
    expect(photo.scene).not.toBeNull();
    expect(photo.colors?.length).toBeGreaterThan(0);
    expect([photo.width, photo.height, photo.mediaType]).toEqual([512, 512, "image/png"]);
  });

  test("search puts the right photo first", async () => {
    for (const name of photoNames) {
      if (!ids.has(name)) ids.set(name, await client.upload(photoBytes(name), name));
    }
    for (const id of ids.values()) await client.analysed(id);
    const expected = [
      ["cup of coffee", "coffee.png"],
      ["kitten face close up", "chelsea.png"],
      ["rocket on the launch pad at night", "rocket.jpg"],
      ["astronaut in a space suit", "astronaut.png"],
    ] as const;
    for (const [query, name] of expected) {
      const [first] = await client.search(query);
      expect(first?.photoId, query).toBe(ids.get(name));
      expect(first?.why.length).toBeGreaterThan(0);
    }
  });

  test("a nonsense word finds nothing", async () => {
    expect(await client.search("asdfgh")).toEqual([]);
  });

  test("classify streams the first result before the last model has run", async () => {
    const other = await Client.signedUp(address(), "other@example.org");
    const response = await other.sendFile("/classify", photoBytes("rocket.jpg"), "rocket.jpg");
    expect(response.headers.get("content-type")).toContain("application/x-ndjson");
    const types: string[] = [];
    for await (const line of readLines(response)) types.push(line.type);
    expect(types[0]).toBe("photo");
    expect(types.at(-1)).toBe("done");
    expect(new Set(types)).toEqual(
      new Set(["photo", "caption", "faces", "people", "scene", "objects", "colors", "text", "index", "done"]),
    );
  });

  test("the same bytes are one photo for one owner", async () => {
    const response = await client.sendFile("/photos", photoBytes("coffee.png"), "again.png");
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ id: ids.get("coffee.png"), duplicate: true });
  });

  test("another user's photo and an unknown one answer alike", async () => {
    const stranger = await Client.signedUp(address(), "stranger@example.org");
    const answers = [];
    for (const id of [ids.get("coffee.png"), "01890000-0000-7000-8000-000000000000", "nonsense"]) {
      const response = await stranger.request(`/photos/${id}`);
      const { traceId: _, ...problem } = (await response.json()) as { traceId: string };
      answers.push({ status: response.status, problem });
    }
    expect(answers[0]?.status).toBe(404);
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).toEqual(answers[0]);
  });

  test("originals and renditions come back", async () => {
    const id = ids.get("coffee.png");
    const original = await client.request(`/photos/${id}/original`);
    // Compared as one value: a difference would otherwise be printed byte by byte.
    expect(Buffer.compare(Buffer.from(await original.arrayBuffer()), photoBytes("coffee.png"))).toBe(0);
    for (const rendition of ["preview", "thumbnail"]) {
      const response = await client.request(`/photos/${id}/${rendition}`);
      expect(response.headers.get("content-type")).toBe("image/jpeg");
      expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(1000);
    }
  });
}
