import { expect, test } from "vitest";
import { matchesEtag, parseRange, rangeStillHolds } from "./byte-range.ts";
import { inlineDisposition, safeFilename } from "./content-disposition.ts";

test.each([
  ["bytes=0-0", { first: 0, last: 0 }],
  ["bytes=10-", { first: 10, last: 99 }],
  ["bytes=10-1000", { first: 10, last: 99 }],
  ["bytes=-10", { first: 90, last: 99 }],
  ["bytes=-1000", { first: 0, last: 99 }],
  [" BYTES=99-99 ", { first: 99, last: 99 }],
  ["bytes=100-", "unsatisfiable"],
  ["bytes=100-200", "unsatisfiable"],
  ["bytes=-0", "unsatisfiable"],
  [undefined, undefined],
  ["", undefined],
  ["bytes=", undefined],
  ["bytes=-", undefined],
  ["bytes=5-4", undefined],
  ["bytes=0-1,5-6", undefined],
  ["bytes=a-b", undefined],
  ["items=0-1", undefined],
  ["bytes=0-99999999999999999999", undefined],
])("the range %s of 100 bytes is %o", (header, expected) => {
  expect(parseRange(header, 100)).toEqual(expected);
});

test("ranges of nothing", () => {
  expect(parseRange("bytes=0-", 0)).toBe("unsatisfiable");
  expect(parseRange("bytes=-5", 0)).toBe("unsatisfiable");
});

test("conditions compare tags, strongly for ranges", () => {
  expect([rangeStillHolds(undefined, "a"), rangeStillHolds('"a"', "a")]).toEqual([true, true]);
  for (const other of ['"b"', 'W/"a"', "a", "Sat, 01 Jan 2028 00:00:00 GMT"]) {
    expect(rangeStillHolds(other, "a")).toBe(false);
  }
  expect([matchesEtag('"x", W/"a"', "a"), matchesEtag("*", "a"), matchesEtag('"b"', "a")]).toEqual([
    true,
    true,
    false,
  ]);
});

test.each([
  ["a.jpg", "image/jpeg", 'inline; filename="a.jpg"'],
  ["a.JPEG", "image/jpeg", 'inline; filename="a.JPEG"'],
  ["page.html", "image/jpeg", 'inline; filename="page.html.jpg"'],
  ["IMG.CR2", "image/x-canon-cr2", 'inline; filename="IMG.CR2"'],
  ["raw.rw2", "image/x-raw", 'inline; filename="raw.rw2"'],
  ["a.jpg", "text/html", 'inline; filename="a.jpg.bin"'],
  [
    'x"; y=\\"z.png',
    "image/png",
    "inline; filename=\"x__ y=__z.png\"; filename*=UTF-8''x%22%3B%20y%3D%5C%22z.png",
  ],
  [
    "Grüße (1).png",
    "image/png",
    "inline; filename=\"Gr__e (1).png\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%281%29.png",
  ],
  [
    "a\r\nSet-Cookie: b.png",
    "image/png",
    "inline; filename=\"a__Set-Cookie: b.png\"; filename*=UTF-8''a%0D%0ASet-Cookie%3A%20b.png",
  ],
  ["\ud800.png", "image/png", "inline; filename=\"_.png\"; filename*=UTF-8''%EF%BF%BD.png"],
])("%j of %s is saved under a safe name", (name, mediaType, expected) => {
  expect(inlineDisposition(safeFilename(name, mediaType))).toBe(expected);
});
