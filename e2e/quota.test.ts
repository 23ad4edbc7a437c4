import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { Client } from "./harness/client.ts";
import { dataDirectory, type OcelliProcess, removeFolders, startOcelli } from "./harness/ocelli-process.ts";
import { differentPictures, photoBytes } from "./harness/photos.ts";
import { outcomeOf } from "./harness/problems.ts";

const defaultPhotos = 3;
const usageSchema = z.object({
  bytes: z.number(),
  photos: z.number(),
  maxBytes: z.number(),
  maxPhotos: z.number(),
});
let ocelli: OcelliProcess;
let admin: Client;
let pictures: Uint8Array<ArrayBuffer>[];

beforeAll(async () => {
  ocelli = await startOcelli(["up"], {
    OCELLI_DATA: dataDirectory(),
    OCELLI_EVENTS: "in-process",
    QUOTA_PHOTOS: String(defaultPhotos),
  });
  admin = await Client.signedUp(ocelli.address, "admin@example.org");
  pictures = await differentPictures(12);
});

afterAll(async () => {
  await ocelli?.end("SIGTERM");
  removeFolders();
});

async function signedUp(name: string) {
  const client = await Client.signedUp(ocelli.address, `${name}@example.org`);
  const id = await client.id();
  const setQuota = (quota: { bytes: number | null; photos: number | null }) =>
    outcomeOf(admin.send("PUT", `/users/${id}/quota`, quota));
  const usage = async () => usageSchema.parse(await (await client.request("/users/me/usage")).json());
  const upload = (bytes: Uint8Array<ArrayBuffer>) => outcomeOf(client.sendFile("/photos", bytes, "a.jpg"));
  return { client, id, setQuota, usage, upload };
}

test("no more photos than the installation allows; what is there already costs nothing", async () => {
  const { upload, usage, client } = await signedUp("default");
  for (const bytes of pictures.slice(0, defaultPhotos)) expect(await upload(bytes)).toBe("201");
  expect(await upload(photoBytes("coffee.png"))).toBe("413 QUOTA_EXCEEDED");
  expect(await outcomeOf(client.sendFile("/classify", photoBytes("coffee.png"), "a.png"))).toBe(
    "413 QUOTA_EXCEEDED",
  );
  for (const bytes of pictures.slice(0, defaultPhotos)) expect(await upload(bytes)).toBe("200");
  const bytes = pictures.slice(0, defaultPhotos).reduce((sum, each) => sum + each.byteLength, 0);
  expect(await usage()).toEqual({ bytes, photos: defaultPhotos, maxBytes: 0, maxPhotos: defaultPhotos });
  expect(await client.photos()).toHaveLength(defaultPhotos);
});

test("an administrator gives one user more, or less, and takes it back", async () => {
  const { upload, usage, setQuota } = await signedUp("favoured");
  expect(await setQuota({ bytes: null, photos: 5 })).toBe("200");
  for (const bytes of pictures.slice(0, 5)) expect(await upload(bytes)).toBe("201");
  expect(await upload(pictures[5] ?? new Uint8Array())).toBe("413 QUOTA_EXCEEDED");
  // What is stored stays.
  expect(await setQuota({ bytes: null, photos: 1 })).toBe("200");
  expect(await usage()).toMatchObject({ photos: 5, maxPhotos: 1 });
  expect(await setQuota({ bytes: null, photos: 0 })).toBe("200");
  expect(await upload(pictures[5] ?? new Uint8Array())).toBe("201");
  expect(await setQuota({ bytes: null, photos: null })).toBe("200");
  expect(await usage()).toMatchObject({ photos: 6, maxPhotos: defaultPhotos });
});

test("of twelve photos uploaded at once exactly as many get in as fit", async () => {
  const { client, upload, usage, setQuota } = await signedUp("parallel");
  expect(await setQuota({ bytes: null, photos: 4 })).toBe("200");
  const outcomes = await Promise.all(pictures.map(upload));
  expect(outcomes.sort()).toEqual([...Array(4).fill("201"), ...Array(8).fill("413 QUOTA_EXCEEDED")]);
  expect(await client.photos()).toHaveLength(4);
  expect(await usage()).toMatchObject({ photos: 4 });
});

test("of twelve photos uploaded at once never more bytes get in than fit, and none that fits alone is refused", async () => {
  const { client, upload, usage, setQuota } = await signedUp("bytes");
  const sizes = pictures.map((bytes) => bytes.byteLength);
  const maxBytes = sizes.slice(0, 3).reduce((sum, size) => sum + size, 0) + 100;
  expect(await setQuota({ bytes: maxBytes, photos: 0 })).toBe("200");
  const outcomes = await Promise.all(pictures.map(upload));
  expect(new Set(outcomes)).toEqual(new Set(["201", "413 QUOTA_EXCEEDED"]));
  const { bytes, photos } = await usage();
  expect(bytes).toBeLessThanOrEqual(maxBytes);
  // Nobody was refused room that was there.
  for (const [index, outcome] of outcomes.entries())
    if (outcome !== "201") expect(bytes + (sizes[index] ?? 0)).toBeGreaterThan(maxBytes);
  expect(photos).toBe(outcomes.filter((outcome) => outcome === "201").length);
  expect(await client.photos()).toHaveLength(photos);
  expect(await setQuota({ bytes: bytes + Math.max(...sizes), photos: 0 })).toBe("200");
  const refused = pictures.filter((_bytes, index) => outcomes[index] !== "201");
  expect(await upload(refused[0] ?? new Uint8Array())).toBe("201");
});

test("nobody sets his own quota, or another's; nonsense is none", async () => {
  const { client, id, setQuota } = await signedUp("greedy");
  const quota = { bytes: 0, photos: 0 };
  expect(await outcomeOf(client.send("PUT", `/users/${id}/quota`, quota))).toBe("403 SCOPE_REQUIRED");
  expect(await outcomeOf(client.request(`/users/${id}/usage`))).toBe("403 SCOPE_REQUIRED");
  const unknown = `/users/${crypto.randomUUID()}`;
  expect(await outcomeOf(admin.send("PUT", `${unknown}/quota`, quota))).toBe("404 USER_NOT_FOUND");
  expect(await outcomeOf(admin.request(`${unknown}/usage`))).toBe("404 USER_NOT_FOUND");
  for (const bad of [-1, 1.5, Number.MAX_SAFE_INTEGER + 2])
    expect(await setQuota({ bytes: bad, photos: 0 })).toBe("400 INVALID_ARGUMENT");
});
