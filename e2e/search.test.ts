import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Client } from "./harness/client.ts";
import { serverFaults } from "./harness/inspection.ts";
import { dataDirectory, type OcelliProcess, removeFolders, startOcelli } from "./harness/ocelli-process.ts";
import { photoBytes } from "./harness/photos.ts";
import { outcomeOf } from "./harness/problems.ts";

const hitsSchema = z.object({
  items: z.array(z.object({ photoId: z.uuid(), score: z.number().min(0).max(1), why: z.array(z.string()) })),
  nextPageToken: z.string(),
});
const answerSchema = hitsSchema.extend({
  understood: z.array(z.object({ kind: z.string(), text: z.string(), meaning: z.string() })),
});
const groupsSchema = z.object({
  items: z.array(
    z.object({
      id: z.string(),
      kind: z.string(),
      photos: z.array(z.object({ photoId: z.uuid(), best: z.boolean(), similarity: z.number() })),
    }),
  ),
  nextPageToken: z.string(),
});
const smartAlbumSchema = z.object({
  id: z.uuid(),
  name: z.string(),
  query: z.string(),
  count: z.number(),
  coverPhotoId: z.uuid().nullable(),
});

let ocelli: OcelliProcess;
let maria: Client;
let stranger: Client;
const idOf: Record<string, string> = {};
let albumId: string;
let personId: string;

/** A committed photo as a camera would have written it. */
async function takenPicture(
  name: "coffee.png" | "chelsea.png" | "astronaut.png",
  { date, camera, north, east }: { date: string; camera: string; north: string; east: string },
) {
  const [Make = "", Model = ""] = camera.split(" ");
  return new Uint8Array(
    await sharp(photoBytes(name))
      .jpeg({ quality: 95 })
      .withExif({
        IFD0: { Make, Model },
        IFD2: { DateTimeOriginal: `${date.replaceAll("-", ":")} 12:00:00` },
        IFD3: { GPSLatitudeRef: "N", GPSLatitude: north, GPSLongitudeRef: "E", GPSLongitude: east },
      })
      .toBuffer(),
  );
}

async function read<T>(schema: z.ZodType<T>, answer: Promise<Response>): Promise<T> {
  const response = await answer;
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return schema.parse(await response.json());
}

/** Names of the photos that a search finds, best first. */
async function found(query: string, client = maria): Promise<string[]> {
  const { items } = await read(answerSchema, client.request(`/search?${query}`));
  return items.map(({ photoId }) => nameOf(photoId));
}

const nameOf = (photoId: string) => Object.keys(idOf).find((name) => idOf[name] === photoId) ?? photoId;
const q = (text: string) => `q=${encodeURIComponent(text)}`;

/** Looks again until an answer is as wanted: what other services say arrives a moment later. */
async function eventually<T>(look: () => Promise<T>, wanted: T): Promise<void> {
  await expect.poll(look, { timeout: 10_000, interval: 100 }).toEqual(wanted);
}

beforeAll(async () => {
  ocelli = await startOcelli(["up"], { OCELLI_DATA: dataDirectory(), OCELLI_EVENTS: "in-process" });
  maria = await Client.signedUp(ocelli.address, "maria@example.org");
  stranger = await Client.signedUp(ocelli.address, "stranger@example.org");
  const paris = { camera: "NIKON D750", north: "48/1 51/1 24/1", east: "2/1 21/1 8/1" };
  const lisbon = { camera: "Canon EOS80D", north: "38/1 43/1 20/1", east: "0/1 0/1 0/1" };
  const files = {
    coffee: await takenPicture("coffee.png", { date: "2023-07-15", ...paris }),
    chelsea: await takenPicture("chelsea.png", { date: "2024-12-25", ...lisbon }),
    astronaut: photoBytes("astronaut.png"),
    rocket: photoBytes("rocket.jpg"),
  };
  for (const [name, bytes] of Object.entries(files)) idOf[name] = await maria.upload(bytes, `${name}.jpg`);
  for (const id of Object.values(idOf)) await maria.analysed(id);
  const album = await maria.post("/albums", { name: "Breakfast table" });
  albumId = z.object({ id: z.uuid() }).parse(await album.json()).id;
  await maria.post(`/albums/${albumId}/photos`, { photoIds: [idOf.coffee] });
  const { faces } = await maria.photo(idOf.astronaut ?? "");
  const person = await maria.post("/people", { faceIds: [faces?.[0]?.id], name: "Eileen Collins" });
  expect(person.status).toBe(201);
  personId = z.object({ id: z.uuid() }).parse(await person.json()).id;
}, 120_000);

afterAll(async () => {
  await ocelli?.end("SIGTERM");
  removeFolders();
});

describe("finds", () => {
  test.each([
    ["cup of coffee", "coffee"],
    ["espresso on a wooden table", "coffee"],
    ["kitten face close up", "chelsea"],
    ["rocket on the launch pad at night", "rocket"],
    ["astronaut in a space suit", "astronaut"],
  ])("%s: %s first", async (text, name) => {
    expect((await found(q(text)))[0]).toBe(name);
  });

  test.each(["asdfgh", "xqzvk", "submarine", "a violin concert", "!!!"])("nothing for %s", async (text) => {
    expect(await found(q(text))).toEqual([]);
    expect((await found(`${q(text)}&minScore=0&mode=semantic`)).length).toBeLessThanOrEqual(4);
  });

  test("people, by name and by id, and says so", async () => {
    await eventually(() => found(q("person:eileen")), ["astronaut"]);
    await eventually(async () => (await found(q("Eileen")))[0], "astronaut");
    expect(await found(`personId=${personId}`)).toEqual(["astronaut"]);
    const { items, understood } = await read(answerSchema, maria.request(`/search?${q("Eileen Collins")}`));
    expect(items[0]?.why).toContain("person: Eileen Collins");
    expect(understood).toContainEqual(expect.objectContaining({ kind: "person", meaning: "Eileen Collins" }));
  });

  test("places, dates, cameras, types and albums", async () => {
    expect(await found(q("place:paris"))).toEqual(["coffee"]);
    expect((await found(q("in Paris")))[0]).toBe("coffee");
    expect(await found(q("after:2023-07-01 before:2023-08-01"))).toEqual(["coffee"]);
    expect((await found(q("summer 2023")))[0]).toBe("coffee");
    expect((await found(q("christmas 2024")))[0]).toBe("chelsea");
    expect(await found(q("camera:nikon"))).toEqual(["coffee"]);
    expect(await found(q("type:png"))).toEqual(["astronaut"]);
    await eventually(() => found(q('album:"breakfast table"')), ["coffee"]);
    expect(await found(`albumId=${albumId}`)).toEqual(["coffee"]);
    expect(await found("from=2024-12-01T00:00:00Z&to=2025-01-01T00:00:00Z")).toEqual(["chelsea"]);
  });

  test("words with quotes, without others, with typos", async () => {
    const cups = await found(q("label:cup"));
    expect(cups).toContain("coffee");
    expect(await found(q("label:cup -place:paris"))).not.toContain("coffee");
    expect(await found(`${q("astronaut.jpg")}&mode=text`)).toEqual(["astronaut"]);
    expect((await found(q("Eilen Colins")))[0]).toBe("astronaut");
  });

  test("nothing of others", async () => {
    for (const query of [
      q("cup of coffee"),
      q("person:eileen"),
      `personId=${personId}`,
      `albumId=${albumId}`,
    ])
      expect(await found(`${query}&minScore=0`, stranger), query).toEqual([]);
  });
});

describe("a key with only the scope search", () => {
  let secret: string;
  const look = (path: string) =>
    fetch(`${ocelli.address}/api/v1${path}`, { headers: { "x-api-key": secret } });
  const answer = (text: string) => read(answerSchema, look(`/search?${q(text)}&minScore=0`));

  beforeAll(async () => {
    const created = await maria.post("/api-keys", { name: "a script", scopes: ["search"] });
    secret = z.object({ secret: z.string() }).parse(await created.json()).secret;
  });

  test("is told nobody's name, neither in suggestions nor in what was understood nor in why", async () => {
    await eventually(() => found(q("person:eileen")), ["astronaut"]);
    const { items } = await read(
      z.object({ items: z.array(z.object({ kind: z.string() })) }),
      look(`/search/suggestions?${q("e")}`),
    );
    expect(items.map(({ kind }) => kind)).not.toContain("person");
    for (const text of ["Eileen Collins", "eilen colins", "person:eileen", "eileen in a space suit"]) {
      const told = JSON.stringify(await answer(text));
      expect(told, text).not.toMatch(/Eileen Collins|person: /);
    }
  });

  test("finds photos by what they show, not by whom", async () => {
    expect((await answer("cup of coffee")).items[0]?.photoId).toBe(idOf.coffee);
    expect((await answer("person:eileen")).items).toEqual([]);
    expect(await outcomeOf(look(`/search?personId=${personId}`))).toBe("403 SCOPE_REQUIRED");
  });

  test("sees nothing in a smart album about somebody", async () => {
    const made = await maria.post("/smart-albums", { name: "Her", filter: { personIds: [personId] } });
    const { id, count } = smartAlbumSchema.parse(await made.json());
    expect(count).toBe(1);
    expect(await read(smartAlbumSchema, look(`/smart-albums/${id}`))).toMatchObject({ count: 0 });
    expect(await outcomeOf(look(`/smart-albums/${id}/photos`))).toBe("403 SCOPE_REQUIRED");
    await maria.send("DELETE", `/smart-albums/${id}`);
  });
});

describe("likeness", () => {
  test("similar photos are never the photo itself; pictures find their photo", async () => {
    const path = `/photos/${idOf.coffee}/similar?minScore=0`;
    const { items } = await read(hitsSchema, maria.request(path));
    expect(items.map(({ photoId }) => nameOf(photoId)).sort()).toEqual(["astronaut", "chelsea", "rocket"]);
    const small = new Uint8Array(await sharp(photoBytes("rocket.jpg")).resize(300).jpeg().toBuffer());
    const byImage = await read(hitsSchema, maria.sendFile("/search/by-image", small, "small.jpg"));
    expect(byImage.items.map(({ photoId }) => nameOf(photoId))).toEqual(["rocket"]);
    expect(await outcomeOf(stranger.request(path))).toBe("404 PHOTO_NOT_FOUND");
  });

  test("a smaller copy is a duplicate until both are kept", async () => {
    const copy = await sharp(photoBytes("coffee.png")).resize(480).jpeg({ quality: 70 }).toBuffer();
    const id = await maria.upload(new Uint8Array(copy), "coffee small.jpg");
    await maria.analysed(id);
    const groups = () => read(groupsSchema, maria.request("/duplicates"));
    const { items } = await groups();
    expect(items).toHaveLength(1);
    expect(items[0]).toMatchObject({ kind: "NEAR" });
    const best = items[0]?.photos.find((photo) => photo.best);
    expect(best?.photoId).toBe(idOf.coffee);
    const pair = { photoIds: [idOf.coffee, id] };
    expect((await maria.post("/duplicates/keep", pair)).status).toBe(204);
    expect((await groups()).items).toEqual([]);
    expect((await maria.post("/duplicates/unkeep", pair)).status).toBe(204);
    expect((await groups()).items).toHaveLength(1);
    expect(await outcomeOf(stranger.post("/duplicates/keep", pair))).toBe("404 PHOTO_NOT_FOUND");
    // In the trash it is no duplicate, and nothing finds it.
    await maria.send("DELETE", `/photos/${id}`);
    await eventually(async () => (await groups()).items, []);
    expect(await found(`${q("cup of coffee")}&minScore=0`)).not.toContain(id);
  });
});

describe("helps", () => {
  const texts = async (prefix: string) => {
    const item = z.object({ kind: z.string(), text: z.string(), query: z.string(), count: z.number() });
    const answer = maria.request(`/search/suggestions?${q(prefix)}`);
    const { items } = await read(z.object({ items: z.array(item) }), answer);
    return items.map(({ kind, text }) => `${kind}: ${text}`);
  };

  test("completes names, places, albums and labels", async () => {
    await eventually(async () => (await texts("eil")).includes("person: Eileen Collins"), true);
    expect((await texts("par")).join()).toMatch(/^place: Paris/);
    expect(await texts("break")).toContain("album: Breakfast table");
    expect(await texts("cup")).toContain("label: cup");
    expect(await texts("zzz")).toEqual([]);
  });

  test("remembers this day of earlier years", async () => {
    const item = z.object({ year: z.number(), photoIds: z.array(z.string()), count: z.number() });
    const memories = (date: string) =>
      read(z.object({ items: z.array(item) }), maria.request(`/memories?date=${date}`));
    expect((await memories("2026-07-15")).items).toEqual([{ year: 2023, photoIds: [idOf.coffee], count: 1 }]);
    expect((await memories("2026-07-16")).items).toEqual([]);
    expect((await memories("2023-07-15")).items).toEqual([]);
  });

  test("keeps searches as albums that follow what is there", async () => {
    const made = await maria.post("/smart-albums", { name: "Paris", query: "place:paris" });
    expect(made.status).toBe(201);
    const album = smartAlbumSchema.parse(await made.json());
    expect(album).toMatchObject({ count: 1, coverPhotoId: idOf.coffee });
    const path = `/smart-albums/${album.id}`;
    const photos = () => read(hitsSchema, maria.request(`${path}/photos`));
    expect((await photos()).items.map(({ photoId }) => nameOf(photoId))).toEqual(["coffee"]);
    const changed = await read(
      smartAlbumSchema,
      maria.send("PATCH", path, { name: "Cats", query: "kitten face close up" }),
    );
    expect(changed.coverPhotoId).toBe(idOf.chelsea);
    expect(await outcomeOf(stranger.request(path))).toBe("404 SMART_ALBUM_NOT_FOUND");
    expect((await maria.send("DELETE", path)).status).toBe(204);
    expect(await outcomeOf(maria.request(path))).toBe("404 SMART_ALBUM_NOT_FOUND");
  });
});

describe("the index", () => {
  const queries = [
    "cup of coffee",
    "Eileen",
    "in Paris",
    'album:"breakfast table"',
    "person:eileen",
    "nikon",
  ];
  const answers = () =>
    Promise.all(queries.map((text) => read(answerSchema, maria.request(`/search?${q(text)}&minScore=0`))));

  test("built anew from the other services gives the same answers", async () => {
    const before = await answers();
    const rebuild = z.object({ running: z.boolean(), documents: z.number(), error: z.string().nullable() });
    expect((await maria.send("POST", "/search/index/rebuild")).status).toBe(202);
    await expect
      .poll(() => read(rebuild, maria.request("/search/index/rebuild")), { timeout: 30_000 })
      .toMatchObject({ running: false, error: null });
    expect(await answers()).toEqual(before);
    expect(await outcomeOf(stranger.send("POST", "/search/index/rebuild"))).toMatch(/^403 /);
  });

  test("names the model that answers", async () => {
    const model = z.object({ model: z.string(), state: z.string(), filled: z.number(), total: z.number() });
    const { items } = await read(z.object({ items: z.array(model) }), maria.request("/search/index/models"));
    expect(items).toHaveLength(1);
    expect(items[0]).toMatchObject({ state: "ACTIVE", filled: items[0]?.total });
    const unknown = maria.post("/search/index/models", { model: "no-such-model" });
    expect(await outcomeOf(unknown)).toBe("404 MODEL_NOT_FOUND");
  });

  test("forgets at once what is deleted", async () => {
    const { items } = await read(hitsSchema, maria.request(`/search?${q("place:paris")}`));
    expect(items).toHaveLength(1);
    await maria.send("DELETE", `/photos/${idOf.coffee}`);
    await maria.send("DELETE", `/photos/${idOf.coffee}?permanent=true`);
    await eventually(() => found(q("place:paris")), []);
    await eventually(
      () => found(`${q("cup of coffee")}&minScore=0`).then((all) => all.includes("coffee")),
      false,
    );
    await eventually(
      () =>
        read(z.object({ items: z.array(z.unknown()) }), maria.request(`/search/suggestions?${q("paris")}`)),
      { items: [] },
    );
  });
});

describe("hostile input", () => {
  const uuid = "01890000-0000-7000-8000-000000000000";

  test.each([
    ["/search", "400"],
    [`/search?${q("a".repeat(501))}`, "400"],
    [`/search?${q("\u0000")}`, "400"],
    [`/search?${q("x")}&minScore=2`, "400"],
    [`/search?${q("x")}&personId=nonsense`, "400"],
    [`/search?${q("x")}&timeZone=Mars/Olympus`, "400"],
    [`/search?${q("x")}&from=2025-01-01T00:00:00Z&to=2024-01-01T00:00:00Z`, "400"],
    [`/search?${q("x")}&${"label=a&".repeat(21)}`, "400"],
    [`/search?${q("a ".repeat(33))}`, "400"],
    [`/search?${q("x")}&pageToken=e30`, "400"],
    [`/photos/${uuid}/similar`, "404"],
    ["/photos/nonsense/similar", "404"],
    ["/search/suggestions?q=", "400"],
    [`/search/suggestions?${q("p".repeat(101))}`, "400"],
    ["/memories?date=2026-02-30", "400"],
    ["/memories?timeZone=%00", "400"],
    ["/duplicates?kind=alike", "400"],
    ["/duplicates?pageToken=x", "400"],
    [`/smart-albums/${uuid}`, "404"],
    ["/smart-albums?pageSize=-1", "400"],
  ])("GET %s is %s", async (path, status) => {
    expect(await outcomeOf(maria.request(path))).toMatch(new RegExp(`^${status} `));
  });

  test.each([
    ["/duplicates/keep", { photoIds: [uuid] }, "400"],
    ["/duplicates/keep", { photoIds: [uuid, uuid.replace("8", "9")] }, "404"],
    ["/smart-albums", { name: "", query: "x" }, "400"],
    ["/smart-albums", { name: "n", query: "" }, "400"],
    ["/smart-albums", { name: "n".repeat(101), query: "x" }, "400"],
    ["/smart-albums", { name: "n", query: "x", filter: { labels: ["a".repeat(101)] } }, "400"],
    ["/smart-albums", { name: "n", query: "x", owner: "me" }, "400"],
    ["/search/index/compare", { model: "m", sample: 501 }, "400"],
  ])("POST %s %j is %s", async (path, body, status) => {
    expect(await outcomeOf(maria.post(path, body))).toMatch(new RegExp(`^${status} `));
  });

  test.each([
    "((((((((",
    '"""""',
    "-",
    "--x",
    "person:",
    'person:"',
    "before:never after:",
    "a:b:c",
    "\\",
    "%_%'; drop table x",
    "& | ! <-> ( )",
    "*",
    ":*",
    "🙂".repeat(100),
    "שלום",
    "ﷺ",
    "a ".repeat(32),
    "-".repeat(500),
    "label:".repeat(80),
  ])("a query like %j is answered", async (text) => {
    for (const mode of ["hybrid", "semantic", "text"])
      expect((await maria.request(`/search?${q(text)}&mode=${mode}`)).status).toBe(200);
  });

  test("pictures that are none are refused", async () => {
    const text = new TextEncoder().encode("no picture");
    expect(await outcomeOf(maria.sendFile("/search/by-image", text, "a.jpg"))).toMatch(/^4(00|15) /);
    expect(await outcomeOf(maria.sendFile("/search/by-image", new Uint8Array(), "a.jpg"))).toBe(
      "400 EMPTY_FILE",
    );
  });

  test("none of it was a fault of the server", async () => {
    expect(await serverFaults(ocelli)).toEqual({ answers: 0, logged: [] });
  });
});
