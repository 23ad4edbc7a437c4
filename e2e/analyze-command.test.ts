import { expect, test } from "vitest";
import { runOcelli } from "./harness/ocelli-process.ts";
import { photoPath } from "./harness/photos.ts";

test("ocelli analyze needs no server and prints JSON for machines", async () => {
  const files = [photoPath("astronaut.png"), "/nowhere/missing.jpg"];
  const result = await runOcelli(["analyze", "--json", ...files], {});
  const [astronaut, missing] = result.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(astronaut.faces).toHaveLength(1);
  expect(astronaut.objects.map((object: { label: string }) => object.label)).toContain("person");
  expect(astronaut.caption.text).toMatch(/person|woman|man|astronaut|people/);
  expect(missing.error).toContain("cannot be read");
  expect(result.code).toBe(1);
});

test("ocelli analyze prints a few lines for people", async () => {
  const result = await runOcelli(["analyze", photoPath("coffee.png")], {});
  expect(result.stdout).toMatch(/caption +\S+/);
  expect(result.stdout).toMatch(/faces +-/);
  expect(result.code).toBe(0);
});
