import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Decoders, openDecoders, type Verdict } from "./decoders.ts";
import { malformed } from "./malformed-image.ts";
import { type MalformedImage, malformedImages } from "./malformed-images.ts";
import { soundImages } from "./sound-images.ts";

// For three pictures of four million pixels at a time, with the copies that decoders make of them.
const maxGrowthBytes = 600 * 1024 * 1024;
const atOnce = 3;
const images: MalformedImage[] = [];
let decoders: Decoders;

beforeAll(async () => {
  for await (const image of malformedImages()) images.push(image);
  decoders = await openDecoders(new Date("2026-06-01T00:00:00Z"));
});
afterAll(() => decoders?.close());

test("there are hundreds of files, each under a name of its own, of every format", () => {
  const names = new Set(images.map(({ name }) => name));
  expect(names.size).toBe(images.length);
  expect(images.length).toBeGreaterThan(1500);
  const formats = new Set(images.map(({ name }) => name.replace(/[-/].*/, "")));
  const all = ["avif", "disguised", "dng", "exif", "gif", "heic", "heif", "iptc", "jpeg", "png"];
  expect([...formats].sort()).toEqual([...all, "polyglot", "raw", "shape", "tiff", "webp", "xmp"]);
  expect(images.filter(({ expectation }) => expectation !== "either").length).toBeGreaterThan(500);
});

test("the same seed makes the same files, another one others", async () => {
  const hash = createHash("sha256");
  for (const { name, bytes } of images) hash.update(name).update(bytes);
  const again = createHash("sha256");
  for await (const { name, bytes } of malformedImages()) again.update(name).update(bytes);
  expect(again.digest("hex")).toBe(hash.digest("hex"));
  const sound = new Map(images.map(({ name, bytes }) => [name, bytes]));
  let different = 0;
  for await (const { name, bytes } of malformedImages(1)) {
    if (Buffer.compare(bytes, sound.get(name) ?? Buffer.alloc(0)) !== 0) different += 1;
  }
  expect(different).toBeGreaterThan(250);
});

test("what they are made from is taken by every decoder that reads its kind", async () => {
  const sound = Object.entries(await soundImages());
  for (const [name, bytes] of sound) {
    const verdict = await decoders.judge(malformed(name, "accepted", bytes));
    // Only the library decodes HEIC, and shows of a raw file the preview inside.
    const inference = name.startsWith("heic")
      ? "UNSUPPORTED_MEDIA_TYPE"
      : name.startsWith("dng")
        ? verdict.inference
        : "accepted";
    expect(verdict, name).toMatchObject({ library: "accepted", inference, problems: [] });
  }
});

test("every decoder refuses them with a reason or makes a picture of bounded size, in bounded time and memory", async () => {
  const verdicts: Verdict[] = [];
  const before = memory();
  // Every second one: `npm run test:fuzz` takes all of them, over every way in.
  const chosen = images.filter((_, index) => index % 2 === 0);
  const waiting = [...chosen];
  const work = async () => {
    for (let image = waiting.pop(); image; image = waiting.pop()) verdicts.push(await decoders.judge(image));
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  expect(verdicts.filter(({ problems }) => problems.length > 0)).toEqual([]);
  expect(verdicts.length).toBe(chosen.length);
  const accepted = verdicts.filter(({ library }) => library === "accepted").length;
  expect(accepted).toBeGreaterThan(150);
  expect(verdicts.length - accepted).toBeGreaterThan(500);
  expect(memory().peak - before.held).toBeLessThan(maxGrowthBytes);
});

/** Bytes of memory that this process holds, and most that it held since the last call; 0 where Linux does not tell. */
function memory(): { held: number; peak: number } {
  if (process.platform !== "linux") return { held: 0, peak: 0 };
  const status = readFileSync("/proc/self/status", "utf8");
  const read = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1024;
  // 5 sets the peak back to what is held: proc(5).
  writeFileSync("/proc/self/clear_refs", "5");
  return { held: read("VmRSS"), peak: read("VmHWM") };
}
