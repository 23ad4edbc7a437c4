import { expect, it } from "vitest";
import { joinWords, toPlural, withCount } from "./nouns.ts";

it.each([
  ["person", "people"],
  ["cup of coffee", "cups of coffee"],
  ["glass of wine", "glasses of wine"],
  ["couch", "couches"],
  ["knife", "knives"],
  ["sheep", "sheep"],
  ["teddy bear", "teddy bears"],
  ["police officer", "police officers"],
  ["ferry", "ferries"],
  ["toy", "toys"],
  ["computer mouse", "computer mice"],
  ["sunglasses", "sunglasses"],
])("the plural of %s is %s", (one, many) => expect(toPlural(one)).toBe(many));

it.each([
  ["dog", 1, "a dog"],
  ["umbrella", 1, "an umbrella"],
  ["uniform", 1, "a uniform"],
  ["orange", 1, "an orange"],
  ["snow", 1, "snow"],
  ["scissors", 1, "scissors"],
  ["person", 2, "two people"],
  ["car", 9, "several cars"],
])("%s times %i is %s", (noun, count, said) => expect(withCount(noun, count)).toBe(said));

it("joins with commas and and", () => {
  expect(joinWords(["a dog"])).toBe("a dog");
  expect(joinWords(["a dog", "a cat"])).toBe("a dog and a cat");
  expect(joinWords(["a dog", "a cat", "a bird"])).toBe("a dog, a cat and a bird");
});
