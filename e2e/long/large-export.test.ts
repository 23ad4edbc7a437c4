import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Client } from "../harness/client.ts";
import {
  type OcelliProcess,
  removeFolders,
  startOcelli,
  temporaryFolder,
} from "../harness/ocelli-process.ts";
import { photoBytes } from "../harness/photos.ts";
import { readZip } from "../harness/zip.ts";

const small = 300;
const large = 6;
const largeBytes = 30_000_000;
let ocelli: OcelliProcess;
let client: Client;
const hashes: string[] = [];

beforeAll(async () => {
  ocelli = await startOcelli(["up"], {
    OCELLI_DATA: temporaryFolder(),
    OCELLI_EVENTS: "in-process",
    OCELLI_WORKERS: "1",
  });
  client = await Client.signedUp(ocelli.address, "export@example.org");
  const queue = Array.from({ length: small + large }, (_, index) => index).values();
  const send = async () => {
    for (const index of queue) {
      const bytes = index < small ? await smallPicture(index) : largePicture();
      hashes.push(createHash("sha256").update(bytes).digest("hex"));
      await client.upload(bytes, "IMG_0001.JPG");
    }
  };
  await Promise.all([send(), send(), send()]);
}, 100_000);
afterAll(async () => {
  await ocelli?.end("SIGKILL");
  removeFolders();
});

async function smallPicture(index: number): Promise<Uint8Array<ArrayBuffer>> {
  const background = { r: index % 256, g: (index * 7) % 256, b: index >> 1 };
  const create = { width: 24, height: 24, channels: 3 as const, background };
  return new Uint8Array(await sharp({ create }).jpeg().toBuffer());
}

function largePicture(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat([photoBytes("rocket.jpg"), randomBytes(largeBytes)]));
}

/** Resident memory of the server in bytes. */
function memory(): number {
  const status = readFileSync(`/proc/${ocelli.child.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024;
}

test("hundreds of photos of one name are all there, byte for byte", async () => {
  const files = await readZip(await client.request("/export"));
  const originals = [...files].filter(([path]) => !path.endsWith(".json")).map(([, bytes]) => bytes);
  const found = originals.map((bytes) => createHash("sha256").update(bytes).digest("hex"));
  expect(found.sort()).toEqual([...hashes].sort());
  expect(files.size).toBe(2 * (small + large) + 1);
  expect(files.has("photos/IMG_0001 (306).JPG.json")).toBe(true);
});

test("a reader that stops costs no memory, and one that leaves ends the work", async () => {
  // Whatever grows once has grown.
  for await (const _chunk of (await client.request("/export")).body ?? []) void _chunk;
  const before = memory();
  const answers = [];
  for (let count = 0; count < 4; count++) answers.push(await client.request("/export"));
  const readers = answers.map((answer) => answer.body?.getReader());
  for (const reader of readers) await reader?.read();
  await delay(3_000);
  // Four times 180 MB wait to be read; the photos are being analysed meanwhile, which takes memory of its own.
  expect(memory() - before).toBeLessThan(200_000_000);
  for (const reader of readers) await reader?.cancel();
  await delay(500);
  expect(ocelli.output()).not.toMatch(/"level":(40|50|"warn"|"error")|MaxListeners/);
  const again = await client.request("/export?originals=false");
  expect((await readZip(again)).size).toBe(small + large + 1);
});
