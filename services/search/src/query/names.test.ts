import { expect, test } from "vitest";
import type { KnownName } from "../store/lexicon.ts";
import { candidateNames, takeNames } from "./names.ts";

const known: KnownName[] = [
  { kind: "person", name: "Maria Lopez", id: "1" },
  { kind: "person", name: "Rose", id: "2" },
  { kind: "place", name: "Paris", id: null },
  { kind: "place", name: "New York", id: null },
  { kind: "place", name: "Nice", id: null },
  { kind: "album", name: "Dogs", id: "3" },
  { kind: "album", name: "Trip to Rome", id: "4" },
  { kind: "label", name: "rose", id: null },
];
const terms = (text: string) => text.split(" ").map((word) => ({ text: word, phrase: false, typing: false }));
const take = (text: string) => {
  const { names, rest } = takeNames(terms(text), known);
  return {
    sure: names.filter(({ mayBeWord }) => !mayBeWord).map(({ names: [first] }) => first?.name),
    perhaps: names.filter(({ mayBeWord }) => mayBeWord).map(({ names: [first] }) => first?.name),
    rest: rest.map(({ text: word }) => word).join(" "),
  };
};

test("every run of up to four words may be a name", () => {
  expect(candidateNames(terms("A B c"))).toEqual(["a", "a b", "a b c", "b", "b c", "c"]);
});

test.each([
  ["maria at the beach", ["Maria Lopez"], [], "at the beach"],
  ["dinner with Maria Lopez", ["Maria Lopez"], [], "dinner"],
  ["maria's birthday", ["Maria Lopez"], [], "birthday"],
  ["bridge in new york", ["New York"], [], "bridge"],
  ["trip to rome", ["Trip to Rome"], [], ""],
  ["paris maria", ["Paris", "Maria Lopez"], [], ""],
  ["nice dog", [], ["Nice"], "nice dog"],
  ["dog in nice", ["Nice"], [], "dog"],
  ["red rose", [], ["Rose"], "red rose"],
  ["dinner with rose", ["Rose"], [], "dinner"],
  ["dogs", ["Dogs"], [], ""],
  ["running dogs", [], ["Dogs"], "running dogs"],
  ["album dogs", ["Dogs"], [], ""],
  ["lopez", [], [], "lopez"],
])("%s", (text, sure, perhaps, rest) => {
  expect(take(text)).toEqual({ sure, perhaps, rest });
});
