/** Text of one strip. */
export interface Reading {
  text: string;
  /** Mean probability of the kept characters, 0..1; 0 for no text. */
  score: number;
}

/**
 * Characters of the recogniser by class, from the lines of ppocr_keys_v1.txt: class 0 is the CTC blank, the last class
 * a space (PaddleOCR CTCLabelDecode with use_space_char).
 */
export function parseCharacters(keys: string): string[] {
  const lines = keys.replaceAll("\r", "").split("\n");
  if (lines.at(-1) === "") lines.pop();
  return ["", ...lines, " "];
}

/**
 * Greedy CTC decoding of [steps, classes] probabilities: the best class of each step, repeats joined, blanks dropped.
 * Throws RangeError when the model's classes do not match the characters (a recogniser with another key file).
 */
export function decodeCtc(
  probabilities: Float32Array,
  steps: number,
  characters: readonly string[],
): Reading {
  const classes = characters.length;
  if (probabilities.length !== steps * classes)
    throw new RangeError(
      `the recogniser gave ${probabilities.length} values for ${steps} x ${classes} classes`,
    );
  let text = "";
  let sum = 0;
  let kept = 0;
  let previous = 0;
  for (let step = 0; step < steps; step++) {
    let best = 0;
    let bestValue = -Infinity;
    for (let index = 0; index < classes; index++) {
      const value = probabilities[step * classes + index] ?? 0;
      if (value <= bestValue) continue;
      best = index;
      bestValue = value;
    }
    if (best !== 0 && best !== previous) {
      text += characters[best] ?? "";
      sum += bestValue;
      kept++;
    }
    previous = best;
  }
  return { text: text.replace(/\s+/g, " ").trim(), score: kept === 0 ? 0 : sum / kept };
}
