import { expect, test } from "vitest";
import { Releases } from "./releases.ts";

test("releases what was opened last first, waiting for each", async () => {
  const order: string[] = [];
  const releases = new Releases();
  for (const name of ["database", "service", "gateway"]) {
    releases.add(async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      order.push(name);
    });
  }
  await releases.run();
  await releases.run();
  expect(order).toEqual(["gateway", "service", "database"]);
});

test("one failure does not keep the others from being released, and is told", async () => {
  const order: string[] = [];
  const releases = new Releases();
  releases.add(() => order.push("first"));
  releases.add(() => Promise.reject(new Error("second")));
  releases.add(() => {
    throw new Error("third");
  });
  await expect(releases.run()).rejects.toThrow("third");
  expect(order).toEqual(["first"]);
  await releases.run();
});
