import { expect, test } from "vitest";
import { createOwnerPlaces } from "./owner-places.ts";

const full = () => new Error("full");

test("one owner takes half of the places, however much he asks for; the rest stays for others", async () => {
  const places = createOwnerPlaces({ total: 4, onFull: full });
  const end = Promise.withResolvers<void>();
  const work = () => end.promise;
  const mine = [places.run("mine", work), places.run("mine", work)];
  await expect(places.run("mine", work)).rejects.toThrow("full");
  const others = [places.run("other", work), places.run("third", work)];
  await expect(places.run("fourth", work)).rejects.toThrow("full");
  end.resolve();
  await Promise.all([...mine, ...others]);
  expect(await places.run("mine", async () => "again")).toBe("again");
});

test("work that fails gives its place back", async () => {
  const places = createOwnerPlaces({ total: 1, onFull: full });
  await expect(places.run("mine", () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  expect(await places.run("mine", async () => "again")).toBe("again");
});
