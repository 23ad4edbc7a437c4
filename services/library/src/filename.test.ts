import { describe, expect, test } from "vitest";
import { cleanFilename } from "./filename.ts";

describe("cleanFilename", () => {
  test.each([
    ["cat.jpg", "cat.jpg"],
    ["../../etc/passwd", "passwd"],
    ["C:\\Users\\me\\cat.jpg", "cat.jpg"],
    ["a\u0000b\u001f\n.png", "ab.png"],
    ["gpj.\u202eexe", "gpj.exe"],
    ["\u{1f468}\u200d\u{1f469}.jpg", "\u{1f468}\u200d\u{1f469}.jpg"],
    ["cafe\u0301.jpg", "caf\u00e9.jpg"],
    ["a\ud800b.jpg", "a\ufffdb.jpg"],
    ["", "photo"],
    ["folder/", "photo"],
    ["..", "photo"],
    [" \u202e ", "photo"],
  ])("%j becomes %j", (name, cleaned) => expect(cleanFilename(name)).toBe(cleaned));

  test("cuts long names before their extension", () => {
    const cleaned = cleanFilename(`${"x".repeat(10_000)}.jpeg`);
    expect(cleaned).toHaveLength(255);
    expect(cleaned).toMatch(/x\.jpeg$/);
    expect([...cleanFilename("\u{1f600}".repeat(400))]).toHaveLength(255);
  });
});
