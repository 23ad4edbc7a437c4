/** Vectors that lie as those of pictures do: see {@link createSyntheticVectors}. */
export interface SyntheticVectors {
  /** Another picture. */
  picture(): SyntheticVector;
  /** A text about some of the pictures. */
  query(): SyntheticVector;
}

/** One vector with what it is about. */
export interface SyntheticVector {
  /** Unit length. */
  embedding: Float32Array;
  /** Position of the text it is about. */
  text: number;
}

/** Settings of {@link createSyntheticVectors}. */
export interface SyntheticVectorOptions {
  /** Vectors of texts, unit length, by the model whose pictures are imitated; some hundred or more. */
  texts: readonly Float32Array[];
  /** Subjects that the pictures have; a few of them are had by most. */
  subjects: number;
  seed: number;
}

/**
 * Makes vectors of pictures from vectors of texts. Random ones would mislead: all of them are equally far from each
 * other, and no query has a right answer. Here a picture is one of some hundred subjects (.5), two other things that
 * are seen on it (.3 and .2), what all pictures have in common (.3) and noise (.7). A text then agrees with pictures
 * of its subject by .45 to .6, and with others by -.1 to .3, as the starter model has it with photos.
 */
export function createSyntheticVectors({ texts, subjects, seed }: SyntheticVectorOptions): SyntheticVectors {
  const random = randomOf(seed);
  const dimension = texts[0]?.length ?? 0;
  const normal = () => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
  const anyText = () => Math.floor(random() * texts.length);
  const vectorOf = (text: number) => texts[text] ?? new Float32Array(dimension);
  const chosen = Array.from({ length: subjects }, anyText);
  const subject = (skew: number) => chosen[Math.floor(subjects * random() ** skew)] ?? anyText();
  const spread = 1 / Math.sqrt(dimension);
  const common = Float32Array.from({ length: dimension }, () => 0.3 * spread * normal());
  return {
    picture() {
      const text = subject(1.5);
      const [main, other, third] = [vectorOf(text), vectorOf(anyText()), vectorOf(anyText())];
      const mixed = common.map(
        (value, index) =>
          value +
          0.5 * (main[index] ?? 0) +
          0.3 * (other[index] ?? 0) +
          0.2 * (third[index] ?? 0) +
          0.7 * spread * normal(),
      );
      return { embedding: toUnit(mixed), text };
    },
    query() {
      const text = subject(1);
      return { embedding: vectorOf(text), text };
    },
  };
}

function toUnit(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

/** Numbers above 0 and below 1, the same ones for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
}
