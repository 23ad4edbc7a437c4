import { describe, expect, it } from "vitest";
import { decodeCtc, parseCharacters } from "./ctc.ts";

const characters = parseCharacters("a\nb\n");

function steps(classes: number[], probability = 0.9): Float32Array {
  const data = new Float32Array(classes.length * characters.length);
  for (const [step, index] of classes.entries()) data[step * characters.length + index] = probability;
  return data;
}

describe("decodeCtc", () => {
  it("joins repeats, keeps doubled letters parted by a blank, and the space of the last class", () => {
    const path = [0, 1, 1, 0, 1, 3, 2, 2, 0];
    expect(decodeCtc(steps(path), path.length, characters)).toEqual({
      text: "aa b",
      score: expect.closeTo(0.9, 5),
    });
  });

  it("answers no text for blanks only", () => {
    expect(decodeCtc(steps([0, 0, 0]), 3, characters)).toEqual({ text: "", score: 0 });
  });

  it("refuses a recogniser whose classes do not match the key file", () => {
    expect(() => decodeCtc(new Float32Array(10), 2, characters)).toThrow(RangeError);
  });
});

it("parseCharacters puts the blank first and the space last, whatever the line ends", () => {
  expect(parseCharacters("a\r\nb")).toEqual(["", "a", "b", " "]);
});
