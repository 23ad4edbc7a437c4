import { expect, test } from "vitest";
import { createZipPaths, safeZipName } from "./zip-names.ts";

test.each([
  ["a.jpg", "a.jpg"],
  ["../../etc/passwd", "_.._etc_passwd"],
  ["C:\\x\\y.png", "C__x_y.png"],
  ["..", "photo"],
  ["", "photo"],
  [" . ", "photo"],
  ["CON.jpg", "_CON.jpg"],
  ["lpt1", "_lpt1"],
  ["a\u202egpj.exe", "a_gpj.exe"],
  ["a\u0000b\n.jpg", "a_b_.jpg"],
  [`${"ä".repeat(300)}.jpeg`, `${"ä".repeat(145)}.jpeg`],
])("%j is stored as %j", (name, expected) => {
  expect(safeZipName(name, "photo")).toBe(expected);
});

test("no path is handed out twice, also where case does not count and beside sidecars", () => {
  const path = createZipPaths();
  expect(["a.jpg", "A.JPG", "a.jpg", "a.jpg.json", "b", "b"].map((name) => path("x", name))).toEqual([
    "x/a.jpg",
    "x/A (2).JPG",
    "x/a (3).jpg",
    "x/a.jpg (2).json",
    "x/b",
    "x/b (2)",
  ]);
  expect(path("y.z", "b")).toBe("y.z/b");
  expect(path("", "b")).toBe("b");
});
