import type { Engine } from "@ocelli/inference";

/** Id and version of the model whose embeddings are searched. */
export function visionModel(engine: Engine): string {
  const { id, version } = engine.model("vision");
  return `${id}@${version}`;
}
