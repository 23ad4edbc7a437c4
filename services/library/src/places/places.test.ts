import { beforeAll, describe, expect, test } from "vitest";
import { createTownPacker } from "./packed-towns.ts";
import { createPlaces, type Places } from "./places.ts";
import { createTownIndex } from "./town-index.ts";

describe("the towns of the world", () => {
  let places: Places;
  beforeAll(() => {
    places = createPlaces({
      warn: (...words: unknown[]) => {
        throw new Error(String(words));
      },
    });
  });

  test.each([
    ["Paris", 48.8566, 2.3522, /^Paris/, "Île-de-France", "France"],
    ["Tokyo", 35.6895, 139.6917, /^Tokyo$/, "Tokyo", "Japan"],
    ["Wellington", -41.2865, 174.7762, /^Wellington$/, "Wellington Region", "New Zealand"],
    [
      "the Chatham Islands, beyond the date line",
      -43.95,
      -176.56,
      /^Waitangi$/,
      "Chatham Islands",
      "New Zealand",
    ],
    ["New York", 40.7128, -74.006, /^New York City$/, "New York", "United States"],
    ["Honolulu", 21.3069, -157.8583, /^Honolulu$/, "Hawaii", "United States"],
  ])("near %s", async (_name, latitude, longitude, city, region, country) => {
    const found = await places.find(latitude, longitude);
    expect(found).toEqual({ city: expect.stringMatching(city), region, country });
  });

  test.each([
    ["the middle of the Pacific", 0, -140],
    ["the north pole", 90, 0],
    ["the south pole", -90, 180],
    ["NaN", Number.NaN, 0],
    ["no longitude", 0, Number.NaN],
    ["infinity", Number.POSITIVE_INFINITY, 0],
    ["beyond a pole", 90.1, 0],
    ["beyond the date line", 0, 180.1],
  ])("none near %s", async (_name, latitude, longitude) => {
    expect(await places.find(latitude, longitude)).toBeUndefined();
  });

  test("are found in no time once they are read", async () => {
    const start = performance.now();
    for (let index = 0; index < 2000; index++) {
      await places.find(((index * 37) % 180) - 90, ((index * 91) % 360) - 180);
    }
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

test("the nearest town is looked for across the date line, and no farther than 50 km", () => {
  const packer = createTownPacker(new Map([["FJ.01", "Northern"]]));
  packer.add({ name: "East \u00e9\u{1f3dd}", latitude: 10, longitude: 179.9, country: "FJ", admin1: "01" });
  packer.add({ name: "West", latitude: -60, longitude: 10, country: "??", admin1: "" });
  const index = createTownIndex(packer.finish());
  const east = { city: "East \u00e9\u{1f3dd}", region: "Northern", country: "Fiji" };
  expect(index.nearest(10, -179.9)).toEqual(east);
  expect(index.nearest(10.44, 179.9)).toEqual(east);
  expect(index.nearest(10.46, 179.9)).toBeUndefined();
  expect(index.nearest(-60, 10)).toEqual({ city: "West", region: "", country: "" });
});
