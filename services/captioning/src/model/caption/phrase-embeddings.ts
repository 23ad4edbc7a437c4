import { detached } from "@ocelli/chassis";
import { type Engine, embedTexts } from "@ocelli/inference";
import { commonPhrases } from "./common-phrases.ts";

// Kept beside the engine and gone with it: the phrases never change, and embedding them costs a second.
const embedded = new WeakMap<Engine, Promise<Float32Array[]>>();

/** Joint embeddings of the common phrases, in their order, made once per engine (warm up with it). */
export function embedCommonPhrases(engine: Engine): Promise<Float32Array[]> {
  const known = embedded.get(engine);
  if (known !== undefined) return known;
  // Whoever asks first shares it with all others.
  const making = detached(() => embedTexts(engine, [...commonPhrases]));
  embedded.set(engine, making);
  // A failure (overload while starting) is forgotten, so that the next caption tries again.
  making.catch(() => embedded.delete(engine));
  return making;
}
