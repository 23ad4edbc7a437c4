import { describe, expect, it } from "vitest";
import { judgeScene, type SceneClass, scenePrompt, softmax } from "./scenes.ts";

const classes: SceneClass[] = [
  { name: "kitchen", place: "indoor" },
  { name: "forest", place: "outdoor" },
  { name: "industrial site", place: "outdoor" },
  { name: "other", place: "none" },
];
const judge = (probabilities: number[], agreement: number[]) =>
  judgeScene(Float32Array.from(probabilities, Math.log), classes, agreement);

describe("judgeScene", () => {
  it("shows a likely class that the joint embedding confirms", () => {
    const verdict = judge([0.01, 0.95, 0.01, 0.03], [0, 0.5, 0.1, 0]);
    expect(verdict.labels).toEqual([{ label: "forest", score: expect.closeTo(0.95, 5) }]);
    expect(verdict).toMatchObject({ unsure: false, place: "outdoor" });
  });

  it("is unsure of a confident class whose words do not agree, as with a rocket at dusk", () => {
    const verdict = judge([0.001, 0.008, 0.99, 0.001], [-0.1, 0.1, 0.2, 0]);
    expect(verdict).toEqual({ labels: [], place: "outdoor", unsure: true });
  });

  it("is unsure below .5 and of pictures that are no scene", () => {
    expect(judge([0.45, 0.3, 0.05, 0.2], [0.4, 0, 0, 0])).toMatchObject({ unsure: true, place: "unknown" });
    expect(judge([0.02, 0.02, 0.01, 0.95], [0.4, 0, 0, 0.6])).toEqual({
      labels: [],
      place: "unknown",
      unsure: true,
    });
  });

  it("does not tell the place when head and words point opposite ways", () => {
    expect(judge([0.95, 0.02, 0.01, 0.02], [0.1, 0.4, 0, 0]).place).toBe("unknown");
  });

  it("refuses lists of different length", () => {
    expect(() => judgeScene(new Float32Array(3), classes, [0, 0, 0, 0])).toThrow(RangeError);
  });
});

describe("helpers", () => {
  it("normalises large logits and words prompts", () => {
    expect(softmax(new Float32Array([1000, 1000]))).toEqual([0.5, 0.5]);
    expect(scenePrompt("office")).toBe("a photo of an office");
  });
});
