import { describe, expect, test } from "vitest";
import { parseQuery } from "./query.ts";

const clock = { now: new Date("2026-11-21T12:00:00Z"), zone: "Europe/Berlin" };
const parse = (text: string) => parseQuery(text, clock);
const wordsOf = (text: string) => parse(text).terms.map((term) => term.text);
const datesOf = (text: string) => parse(text).times.map(({ kind, meaning }) => `${kind} ${meaning}`);

describe("operators", () => {
  test("quotes, minus, names and values with blanks", () => {
    const query = parse(
      'cat "orange suit" -dog -"red car" person:"Maria Lopez" Label:cup -label:dog type:png',
    );
    expect(query.terms).toEqual([
      { text: "orange suit", phrase: true, typing: false },
      { text: "cat", phrase: false, typing: false },
    ]);
    expect(query.excluded).toEqual([
      { text: "dog", phrase: false, typing: false },
      { text: "red car", phrase: true, typing: false },
    ]);
    expect(query.restrictions).toEqual([
      { operator: "person", value: "Maria Lopez", excluded: false },
      { operator: "label", value: "cup", excluded: false },
      { operator: "label", value: "dog", excluded: true },
      { operator: "type", value: "png", excluded: false },
    ]);
  });

  test("before and after take days, months and years; from their first instant, in the caller's zone", () => {
    const ranges = parse("after:2023-06 before:2024 -before:2020").times.map(({ range }) => range);
    expect(ranges).toEqual([
      { from: new Date("2023-06-30T22:00:00Z") },
      { until: new Date("2023-12-31T23:00:00Z") },
      { from: new Date("2019-12-31T23:00:00Z") },
    ]);
  });

  test.each([
    ["foo:bar", ["foo:bar"]],
    ["a:b:c", ["a:b:c"]],
    ["http://a.b/c?d=e", ["http://a.b/c?d=e"]],
    ["before:lunch", ["before lunch"]],
    ["person:", ["person:"]],
    ['"never closed', ["never closed"]],
    ["well-known", ["well-known"]],
    ["“curly quotes”", ["curly quotes"]],
    ["- \" '' ()", []],
    ["😀 🐈‍⬛", []],
    ["it's 5 o'clock", ["it's", "5", "o'clock"]],
  ])("what is none is words: %s", (text, words) => {
    expect(wordsOf(text)).toEqual(words);
  });

  test("the last word may still be being typed, unless something follows it", () => {
    expect(parse("a cat").terms.at(-1)?.typing).toBe(true);
    expect(parse("a cat ").terms.at(-1)?.typing).toBe(false);
    expect(parse('"a cat"').terms.at(-1)?.typing).toBe(false);
  });
});

describe("dates in plain words", () => {
  test.each([
    ["yesterday", "2026-11-20/2026-11-21", []],
    ["today", "2026-11-21/2026-11-22", []],
    ["last week", "2026-11-09/2026-11-16", []],
    ["last weekend", "2026-11-14/2026-11-16", []],
    ["this month", "2026-11-01/2026-12-01", []],
    ["last year", "2025-01-01/2026-01-01", []],
    ["beach last summer", "2026-06-01/2026-09-01", ["beach"]],
    ["last winter", "2025-12-01/2026-03-01", []],
    ["summer 2022", "2022-06-01/2022-09-01", []],
    ["winter 2020", "2020-12-01/2021-03-01", []],
    ["christmas 2021", "2021-12-24/2021-12-27", []],
    ["dinner in June", "2026-06-01/2026-07-01", ["dinner"]],
    ["in December", "2025-12-01/2026-01-01", []],
    ["June 2023", "2023-06-01/2023-07-01", []],
    ["June 15, 2023 lake", "2023-06-15/2023-06-16", ["lake"]],
    ["15th of June 2023", "2023-06-15/2023-06-16", []],
    ["15/6/2023", "2023-06-15/2023-06-16", []],
    ["2023-06-15", "2023-06-15/2023-06-16", []],
    ["a photo from 1999", "1999-01-01/2000-01-01", ["a", "photo"]],
    ["party three weeks ago", "2026-10-31/2026-11-01", ["party"]],
    ["ten years ago", "2016-01-01/2017-01-01", []],
    ["past 3 weeks", "2026-10-31/2026-11-22", []],
    ["12 march", "2026-03-12/2026-03-13", []],
    ["last friday", "2026-11-20/2026-11-21", []],
  ])("%s", (text, meaning, rest) => {
    expect(datesOf(text)).toEqual([`date ${meaning}`]);
    expect(wordsOf(text)).toEqual(rest);
  });

  test.each([
    "may flowers",
    "march",
    "sunny day",
    "5 dogs",
    "7 up",
    "1/2 cup",
    "f/2.8",
    "at 5",
    "2023-13-40",
    "iphone 15",
  ])("%s is none", (text) => {
    expect(datesOf(text)).toEqual([]);
    expect(wordsOf(text).join(" ")).toBe(text);
  });

  test("a bare year may be a word as well, a month of one is not", () => {
    expect(parse("2023").times[0]?.mayBeWord).toBe(true);
    expect(parse("June 2023").times[0]?.mayBeWord).toBe(false);
  });

  test("days begin when they begin where the caller is, on days of a clock change, too", () => {
    const [march] = parseQuery("2026-03-29", clock).times;
    expect(march?.range).toEqual({
      from: new Date("2026-03-28T23:00:00Z"),
      until: new Date("2026-03-29T22:00:00Z"),
    });
    const [tokyo] = parseQuery("today", { now: clock.now, zone: "Asia/Tokyo" }).times;
    expect(tokyo?.range.from).toEqual(new Date("2026-11-20T15:00:00Z"));
    const kiritimati = { now: clock.now, zone: "Pacific/Kiritimati" };
    expect(parseQuery("today", kiritimati).times[0]?.meaning).toBe("2026-11-22/2026-11-23");
  });
});
