import { ConfigError } from "@ocelli/chassis";
import { expect, test } from "vitest";
import { faceCalibration, joinLimit, similarityOf } from "./calibration.ts";

const dlib = faceCalibration("face-embed-dlib@1+face-alignment@1");

test("a model that nobody calibrated is refused by name", () => {
  expect(() => faceCalibration("face-embed-other@3+face-alignment@1")).toThrow(ConfigError);
  expect(() => faceCalibration("face-embed-other@3")).toThrow(/face-embed-other@3.*only face-embed-dlib/);
  expect(() => faceCalibration("")).toThrow(ConfigError);
});

test("the likelihood falls with the distance, from certain to none, through one half", () => {
  const likelihoods = [0, 0.3, 0.5, dlib.evenDistance, 0.7, 1.2].map((each) => similarityOf(dlib, each));
  expect(likelihoods).toEqual(likelihoods.toSorted((a, b) => b - a));
  expect(likelihoods[0]).toBeGreaterThan(0.999);
  expect(likelihoods[3]).toBeCloseTo(0.5, 10);
  expect(likelihoods[5]).toBeLessThan(0.001);
});

test("the limit grows with the quality up to full quality, and does not exist below the floor", () => {
  const { qualityFloor, fullQuality, strictJoinDistance, joinDistance } = dlib;
  expect(joinLimit(dlib, qualityFloor - 0.001)).toBeUndefined();
  expect(joinLimit(dlib, Number.NaN)).toBeUndefined();
  expect(joinLimit(dlib, qualityFloor)).toBeCloseTo(strictJoinDistance, 10);
  expect(joinLimit(dlib, (qualityFloor + fullQuality) / 2)).toBeCloseTo(0.46, 10);
  expect(joinLimit(dlib, fullQuality)).toBeCloseTo(joinDistance, 10);
  expect(joinLimit(dlib, 1)).toBeCloseTo(joinDistance, 10);
});
