/** A face whose person is known. */
export interface LabelledFace {
  /** Number of the person; every stranger is a person of one face. */
  person: number;
  quality: number;
  vector: Float32Array;
}

/** Values of an embedding. */
const dimension = 128;
/**
 * Persons differ in so many directions, by so much in each, and faces of one person by so much in so many: distances of
 * good faces then have the means and spreads of the labelled pairs in docs/people.md (same .41, different .85).
 */
const personDirections = 44;
const personSpread = 0.08;
const faceDirections = 13;
const faceSpread = 0.08;
/** First direction of the differences within a person: half of them are directions that tell persons apart, too. */
const faceFrom = 38;

/** Numbers 0..1 that are the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Makes faces of made-up persons. */
export interface FaceMaker {
  /** Where a new person is. */
  person(): Float32Array;
  /** A face of the person there; three in ten are of lower quality, and farther off. */
  face(person: number, at: Float32Array): LabelledFace;
}

/** Creates a maker; the same seed makes the same faces. */
export function createFaceMaker(seed: number): FaceMaker {
  const random = randomNumbers(seed);
  // Box and Muller's way from even to normally distributed numbers.
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return {
    person() {
      const vector = new Float32Array(dimension);
      for (let at = 0; at < personDirections; at++) vector[at] = normal() * personSpread;
      return vector;
    },
    face(person, at) {
      const quality = random() < 0.7 ? 0.6 + 0.4 * random() : 0.05 + 0.55 * random();
      const spread = faceSpread * (quality < 0.6 ? 1 + 1.2 * (0.6 - quality) : 1);
      const vector = at.slice();
      for (let each = faceFrom; each < faceFrom + faceDirections; each++) {
        vector[each] = (vector[each] ?? 0) + normal() * spread;
      }
      return { person, quality, vector };
    },
  };
}

/** Faces of persons, and of strangers who are seen once, in an order that has nothing to do with who they are. */
export function makeFaces(options: {
  faces: number;
  persons: number;
  strangers: number;
  seed: number;
}): LabelledFace[] {
  const maker = createFaceMaker(options.seed);
  const random = randomNumbers(options.seed + 1);
  const strangers = Math.round(options.faces * options.strangers);
  const places = Array.from({ length: options.persons }, () => maker.person());
  const faces: LabelledFace[] = [];
  for (let at = 0; at < options.faces - strangers; at++) {
    const person = at % options.persons;
    faces.push(maker.face(person, places[person] ?? maker.person()));
  }
  for (let at = 0; at < strangers; at++) faces.push(maker.face(options.persons + at, maker.person()));
  for (let at = faces.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    const [a, b] = [faces[at], faces[other]];
    if (a && b) [faces[at], faces[other]] = [b, a];
  }
  return faces;
}
