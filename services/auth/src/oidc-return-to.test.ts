import { describe, expect, test } from "vitest";
import { assertReturnTo } from "./oidc-return-to.ts";

describe("a path to return to", () => {
  test.each([
    "/",
    "/photos",
    "/photos/1?sort=date&x=//y#top",
    "/caf%C3%A9",
    "/a//b",
    "/@evil.example",
    `/${"a".repeat(499)}`,
  ])("may be %s", (path) => {
    expect(() => assertReturnTo(path)).not.toThrow();
  });

  // What browsers make of these is another origin, another scheme, or a second header.
  test.each([
    "https://evil.example",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/photos\\..\\evil",
    "/\t/evil.example",
    "\t//evil.example",
    "/\n/evil.example",
    "/\r\nset-cookie: a=b",
    "/a\u0000b",
    "/a\u007fb",
    "/ /evil.example",
    " //evil.example",
    " /photos",
    "/caf\u00e9",
    "/\u2028/evil.example",
    "/\u3002evil.example",
    "/\uff0f/evil.example",
    "photos",
    "@evil.example",
    ".evil.example",
    ":80/x",
    "?next=/",
    "#/",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "http:evil.example",
    "https:/evil.example",
    "%2f%2fevil.example",
    "",
    `/${"a".repeat(500)}`,
  ])("is never %j", (path) => {
    expect(() => assertReturnTo(path)).toThrow(expect.objectContaining({ reason: "INVALID_RETURN_TO" }));
  });

  test("whatever it is, stays on this origin", () => {
    const pieces = ["/", "\\", "//", "evil.example", "@", ":", "?", "#", "..", ".", "%2f", "\t", "a"];
    for (const a of pieces)
      for (const b of pieces)
        for (const c of pieces)
          for (const d of pieces) {
            const path = a + b + c + d;
            try {
              assertReturnTo(path);
            } catch {
              continue;
            }
            expect(new URL(path, "https://ocelli.example/x").origin).toBe("https://ocelli.example");
          }
  });
});
