import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { Client } from "./harness/client.ts";
import { dataDirectory, type OcelliProcess, removeFolders, startOcelli } from "./harness/ocelli-process.ts";
import { photoBytes } from "./harness/photos.ts";
import { outcomeOf } from "./harness/problems.ts";

let ocelli: OcelliProcess;
let [ada, ben, eve]: Client[] = [];
const albumSchema = z.object({
  id: z.uuid(),
  name: z.string(),
  role: z.string(),
  photoCount: z.number(),
  coverPhotoId: z.uuid().nullable(),
});
const listSchema = z.object({ items: z.array(z.object({ id: z.uuid() })) });

beforeAll(async () => {
  ocelli = await startOcelli(["up"], { OCELLI_DATA: dataDirectory(), OCELLI_EVENTS: "in-process" });
  ada = await Client.signedUp(ocelli.address, "ada@example.org");
  ben = await Client.signedUp(ocelli.address, "ben@example.org");
  eve = await Client.signedUp(ocelli.address, "eve@example.org");
}, 120_000);

afterAll(async () => {
  await ocelli?.end("SIGTERM");
  removeFolders();
});

function user(client: Client | undefined): Client {
  if (!client) throw new Error("the users are not there yet");
  return client;
}

async function makeAlbum(client: Client, name: string, parentId?: string): Promise<string> {
  const response = await client.post("/albums", { name, ...(parentId ? { parentId } : {}) });
  expect(response.status).toBe(201);
  const album = albumSchema.parse(await response.json());
  expect(response.headers.get("location")).toBe(`/api/v1/albums/${album.id}`);
  return album.id;
}

async function uploadInto(
  client: Client,
  albumId: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Response> {
  const form = new FormData();
  form.set("albumId", albumId);
  form.set("file", new Blob([bytes]), "photo.jpg");
  return client.request("/photos", { method: "POST", body: form });
}

async function photosOf(client: Client, albumId: string): Promise<string[]> {
  const response = await client.request(`/albums/${albumId}/photos`);
  return listSchema.parse(await response.json()).items.map(({ id }) => id);
}

test("an album is shared with a user: seen with results, without faces' names, until it is not", async () => {
  const [owner, guest, stranger] = [user(ada), user(ben), user(eve)];
  const top = await makeAlbum(owner, "Family");
  const album = await makeAlbum(owner, "Summer", top);
  const uploaded = await uploadInto(owner, album, photoBytes("astronaut.png"));
  const photoId = z.object({ id: z.uuid() }).parse(await uploaded.json()).id;
  expect(await outcomeOf(uploadInto(stranger, album, photoBytes("coffee.png")))).toBe("404 ALBUM_NOT_FOUND");
  const analysed = await owner.analysed(photoId);
  expect(analysed.faces?.length).toBeGreaterThan(0);
  expect(await outcomeOf(guest.request(`/albums/${album}`))).toBe("404 ALBUM_NOT_FOUND");
  expect(await outcomeOf(guest.request(`/photos/${photoId}`))).toBe("404 PHOTO_NOT_FOUND");

  const share = (who: object) => owner.send("PUT", `/albums/${top}/shares`, who);
  expect(await outcomeOf(share({ email: "nobody@example.org", role: "viewer" }))).toBe("404 USER_NOT_FOUND");
  expect(await outcomeOf(share({ role: "viewer" }))).toBe("400 INVALID_SHARE");
  const bySomebodyElse = stranger.send("PUT", `/albums/${top}/shares`, {
    email: "ben@example.org",
    role: "viewer",
  });
  expect(await outcomeOf(bySomebodyElse)).toBe("404 ALBUM_NOT_FOUND");
  const made = await share({ email: "BEN@example.org", role: "contributor" });
  expect(await made.json()).toMatchObject({
    userId: await guest.id(),
    name: "Test Person",
    role: "contributor",
  });

  const shared = listSchema.parse(await (await guest.request("/albums?shared=true")).json());
  expect(shared.items.map(({ id }) => id)).toEqual([top]);
  expect(await photosOf(guest, album)).toEqual([photoId]);
  const seen = await guest.photo(photoId);
  expect(seen.caption).toEqual(analysed.caption);
  expect(seen.faces?.length).toBe(analysed.faces?.length);
  for (const face of seen.faces ?? [])
    expect(face).toMatchObject({ id: "", personId: null, personName: null });
  for (const part of [
    "caption",
    "faces",
    "scene",
    "objects",
    "text",
    "colors",
    "preview",
    "thumbnail",
    "original",
    "annotated",
  ]) {
    expect(await outcomeOf(guest.request(`/photos/${photoId}/${part}`)), part).toBe("200");
    expect(await outcomeOf(stranger.request(`/photos/${photoId}/${part}`)), part).toBe("404 PHOTO_NOT_FOUND");
  }
  expect(await outcomeOf(guest.send("DELETE", `/photos/${photoId}`))).toMatch(/^40[45]/);
  expect(await outcomeOf(uploadInto(guest, album, photoBytes("coffee.png")))).toBe("201");
  expect(await photosOf(owner, album)).toHaveLength(2);

  const end = owner.send("DELETE", `/albums/${top}/shares/${await guest.id()}`);
  expect(await outcomeOf(end)).toBe("204");
  expect(await outcomeOf(guest.request(`/photos/${photoId}`))).toBe("404 PHOTO_NOT_FOUND");
  expect(await outcomeOf(guest.request(`/photos/${photoId}/caption`))).toBe("404 PHOTO_NOT_FOUND");
  expect(await photosOf(owner, album)).toEqual([photoId]);
});

test("a public link is opened once and seen with a cookie, which opens nothing else", async () => {
  const owner = user(ada);
  const visitor = new Client(ocelli.address);
  const album = await makeAlbum(owner, "Public");
  const uploaded = await uploadInto(owner, album, photoBytes("rocket.jpg"));
  const photoId = z.object({ id: z.uuid() }).parse(await uploaded.json()).id;
  const made = await owner.post(`/albums/${album}/links`, { password: "launch pad", originals: true });
  expect(made.headers.get("cache-control")).toBe("no-store");
  const link = z.object({ id: z.uuid(), secret: z.string(), url: z.string() }).parse(await made.json());
  expect(link.url).toMatch(/\/shared#ocelli_pl_/);
  const { secret } = link;
  expect(await outcomeOf(visitor.post("/links/open", { secret }))).toBe("401 LINK_PASSWORD_REQUIRED");
  expect(await outcomeOf(visitor.post("/links/open", { secret, password: "lunch pad" }))).toBe(
    "401 INVALID_LINK_PASSWORD",
  );
  expect(await outcomeOf(visitor.request(`/links/album?secret=${secret}`))).toMatch(/^400/);
  const opened = await visitor.post("/links/open", { secret, password: "launch pad" });
  expect(await opened.json()).toEqual({ expiresIn: 12 * 3600 });
  const setCookie = opened.headers.get("set-cookie") ?? "";
  expect(setCookie).toMatch(/HttpOnly; SameSite=Lax/);
  const headers = { cookie: setCookie.split(";")[0] ?? "" };
  const look = (path: string) => visitor.request(path, { headers });
  expect(await (await look("/links/album")).json()).toMatchObject({
    name: "Public",
    originals: true,
    items: [{ id: photoId }],
  });
  const original = await look(`/links/photos/${photoId}/original`);
  expect(original.headers.get("content-type")).toBe("image/jpeg");
  const metadata = await sharp(Buffer.from(await original.arrayBuffer())).metadata();
  expect(metadata).toMatchObject({ format: "jpeg", width: 640 });
  expect(metadata.exif).toBeUndefined();
  expect(await outcomeOf(look(`/links/photos/${photoId}/thumbnail`))).toBe("200");
  expect(await outcomeOf(look(`/photos/${photoId}`))).toBe("401 UNAUTHENTICATED");
  expect(await outcomeOf(look(`/albums/${album}`))).toBe("401 UNAUTHENTICATED");
  expect(await outcomeOf(visitor.request("/links/album"))).toBe("401 VISIT_EXPIRED");
  expect(await outcomeOf(owner.send("DELETE", `/albums/${album}/links/${link.id}`))).toBe("204");
  expect(await outcomeOf(look("/links/album"))).toBe("401 VISIT_EXPIRED");
});

test("guesses at a link's password are held up, with the time to wait", async () => {
  const owner = user(ada);
  const album = await makeAlbum(owner, "Guarded");
  const made = await owner.post(`/albums/${album}/links`, { password: "very secret" });
  const { secret } = z.object({ secret: z.string() }).parse(await made.json());
  const visitor = new Client(ocelli.address);
  let refused: Response | undefined;
  for (let n = 0; n < 15 && !refused; n += 1) {
    const response = await visitor.post("/links/open", { secret, password: `guess ${n}` });
    if (response.status === 429) refused = response;
    else expect(await outcomeOf(response)).toBe("401 INVALID_LINK_PASSWORD");
  }
  expect(Number(refused?.headers.get("retry-after"))).toBeGreaterThan(0);
});

test("many files go into an album at once, each with what became of it", async () => {
  const [owner, stranger] = [user(ben), user(eve)];
  const album = await makeAlbum(owner, "Import");
  const form = () => {
    const body = new FormData();
    body.append("file", new Blob([photoBytes("coffee.png")]), "coffee.png");
    body.append("file", new Blob(["no picture"]), "notes.txt");
    body.append("file", new Blob([photoBytes("chelsea.png")]), "chelsea.png");
    return { method: "POST", body };
  };
  const refused = stranger.request(`/albums/${album}/import`, form());
  expect(await outcomeOf(refused)).toBe("404 ALBUM_NOT_FOUND");
  const answer = await (await owner.request(`/albums/${album}/import`, form())).json();
  expect(answer).toMatchObject({
    photos: [{ filename: "coffee.png" }, { filename: "chelsea.png" }],
    refused: [{ filename: "notes.txt", reason: "UNSUPPORTED_MEDIA_TYPE" }],
  });
  expect(await photosOf(owner, album)).toHaveLength(2);
});

test("albums are moved, described and deleted with their photos in the trash", async () => {
  const owner = user(eve);
  const [top, other] = [await makeAlbum(owner, "A"), await makeAlbum(owner, "B")];
  const below = await makeAlbum(owner, "C", top);
  const patch = (id: string, change: object) => outcomeOf(owner.send("PATCH", `/albums/${id}`, change));
  expect(await patch(top, { parentId: below })).toBe("409 ALBUM_CYCLE");
  expect(await patch(below, { parentId: other, name: "D", description: "moved" })).toBe("200");
  const moved = await (await owner.request(`/albums/${below}`)).json();
  expect(moved).toMatchObject({ name: "D", parentId: other, ancestors: [{ id: other }] });
  const photoId = await owner.upload(photoBytes("chelsea.png"), "cat.png");
  const put = owner.post(`/albums/${below}/photos`, { photoIds: [photoId] });
  expect(await (await put).json()).toEqual({ photoIds: [photoId] });
  const gone = await owner.send("DELETE", `/albums/${other}?photos=trash`);
  expect(await gone.json()).toEqual({ albums: 2, photos: 1 });
  expect(await owner.photos()).toEqual([]);
  expect(await outcomeOf(owner.request(`/albums/${below}`))).toBe("404 ALBUM_NOT_FOUND");
});
