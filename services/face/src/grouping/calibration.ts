import { ConfigError } from "@ocelli/chassis";

/** What distances of one embedding model mean. Distances are Euclidean. */
export interface FaceCalibration {
  /** Values per embedding. */
  dimension: number;
  /** Distance at which a pair is as likely of one person as of two. */
  evenDistance: number;
  /** Steepness of the logistic there, per unit of distance. */
  steepness: number;
  /** A face of full quality joins a person up to here. */
  joinDistance: number;
  /** A face at the quality floor joins a person up to here. */
  strictJoinDistance: number;
  /** Faces of less quality never get a person by themselves. */
  qualityFloor: number;
  /** From here on a face is of full quality. */
  fullQuality: number;
  /** How much farther the second-nearest person must be. */
  margin: number;
  /** Every two faces that found a person are at most this far apart. */
  foundDistance: number;
  /** Faces of less quality found nobody. */
  foundQuality: number;
  /** How much farther than when joining a face may be before a regrouping takes it away again. */
  keepSlack: number;
  /** Persons made by models are one when their faces are on average at most this far apart. */
  mergeDistance: number;
  /** Up to this mean distance two persons are suggested to be one. */
  suggestDistance: number;
  /** Persons that were on one photo are suggested only up to this mean distance: twins are rarer than mirrors. */
  suggestTogetherDistance: number;
}

/**
 * dlib's ResNet-29. On 300 + 780 labelled pairs the means of same and different persons are .38/.88 and .45/.82, the
 * largest "same" .62, the smallest "different" .61; below .50 joining is safe (model card). Faces side by side on six
 * group photos, so of different persons, came as near as .55 (docs/people.md): nothing joins beyond .50. The logistic
 * is fitted to the two pairs of means, with the spread that puts the extremes where they were seen.
 */
const dlib: FaceCalibration = {
  dimension: 128,
  evenDistance: 0.59,
  steepness: 30,
  joinDistance: 0.5,
  strictJoinDistance: 0.42,
  qualityFloor: 0.15,
  fullQuality: 0.6,
  margin: 0.05,
  foundDistance: 0.5,
  foundQuality: 0.35,
  keepSlack: 0.06,
  mergeDistance: 0.44,
  suggestDistance: 0.56,
  suggestTogetherDistance: 0.4,
};

const calibrations: Readonly<Record<string, FaceCalibration>> = { "face-embed-dlib": dlib };

/**
 * The calibration of the embedding model in a model string such as
 * `face-detect-blazeface@1+face-embed-dlib@1+face-processing@1`.
 * @throws ConfigError for a model that nobody calibrated: its distances would be misread.
 */
export function faceCalibration(model: string): FaceCalibration {
  for (const part of model.split("+")) {
    const known = calibrations[part.split("@")[0] ?? ""];
    if (known) return known;
  }
  const known = Object.keys(calibrations).join(", ");
  throw new ConfigError([`faces cannot be grouped by the model ${model}: only ${known} is calibrated`]);
}

/** The chance that two faces so far apart are of one person, 0..1. */
export function similarityOf({ evenDistance, steepness }: FaceCalibration, distance: number): number {
  return 1 / (1 + Math.exp(steepness * (distance - evenDistance)));
}

/** How near a face of this quality must be to a person to join; undefined when no nearness is enough. */
export function joinLimit(calibration: FaceCalibration, quality: number): number | undefined {
  const { qualityFloor, fullQuality, joinDistance, strictJoinDistance } = calibration;
  if (!(quality >= qualityFloor)) return undefined;
  const trust = Math.min(1, (quality - qualityFloor) / (fullQuality - qualityFloor));
  return strictJoinDistance + (joinDistance - strictJoinDistance) * trust;
}
