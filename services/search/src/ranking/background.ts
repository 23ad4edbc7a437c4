import { detached } from "@ocelli/chassis";
import type { Vectors } from "../vectors.ts";

/** Everyday things, evenly over what people photograph: what any picture agrees with a little. */
const things = (
  "man, woman, child, baby, people, crowd, dog, cat, bird, horse, cow, elephant, fish, flower, tree, forest, mountain, " +
  "snow, beach, sea, river, lake, sky, cloud, sunset, street, building, house, bridge, tower, road, car, bus, truck, " +
  "train, airplane, boat, bicycle, motorcycle, kitchen, bedroom, bathroom, office, table, chair, sofa, bed, computer, " +
  "phone, book, clock, lamp, bottle, cup, plate, pizza, cake, fruit, vegetable, meat, drink, shirt, dress, shoes, hat, " +
  "bag, glasses, toy, ball, guitar, painting, statue, sign, text, market, concert, wedding, football, swimming, skiing, " +
  "dancing, garden, park, field, desert, night"
).split(", ");

/** Gives the mean embedding of everyday things by a model; made at its first search and kept for the last model asked for. */
export class Background {
  readonly #vectors: Pick<Vectors, "embedTexts">;
  #model: string | undefined;
  #mean: Promise<Float32Array> | undefined;

  constructor(vectors: Pick<Vectors, "embedTexts">) {
    this.#vectors = vectors;
  }

  /** The mean for a model, whichever answers by now. */
  mean(model: string): Promise<Float32Array> {
    if (this.#mean && this.#model === model) return this.#mean;
    this.#model = model;
    const embedding = detached(() => this.#vectors.embedTexts(things, model));
    const making = embedding.then(({ embeddings }) => meanOf(embeddings));
    // A failure is forgotten, so that the next search tries again.
    making.catch(() => {
      if (this.#mean === making) this.#mean = undefined;
    });
    this.#mean = making;
    return making;
  }
}

function meanOf(vectors: readonly Float32Array[]): Float32Array {
  const mean = new Float32Array(vectors[0]?.length ?? 0);
  for (const vector of vectors)
    for (const [index, value] of vector.entries()) mean[index] = (mean[index] ?? 0) + value / vectors.length;
  return mean;
}
