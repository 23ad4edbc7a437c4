import { type Engine, embedImage, embedTexts, type ManifestModel, type RgbImage } from "@ocelli/inference";

/** Name under which a model's vectors are kept: id and version. */
export function modelKey({ id, version }: Pick<ManifestModel, "id" | "version">): string {
  return `${id}@${version}`;
}

/** The model of the manifest with that key, if it is there in that version. */
export function modelOfKey(engine: Engine, key: string): ManifestModel | undefined {
  const id = key.slice(0, key.indexOf("@"));
  const model = findImageModel(engine, id);
  return model && modelKey(model) === key ? model : undefined;
}

/** The model of the manifest with that id, if it makes embeddings of pictures. */
export function findImageModel(engine: Engine, id: string): ManifestModel | undefined {
  const known = engine.models().some((each) => each.id === id && each.task === "image-embedding");
  return known ? engine.model(id) : undefined;
}

/** Values per vector of a model. */
export function dimensionOf({ id, dimension }: ManifestModel): number {
  if (dimension === undefined) throw new Error(`the manifest does not tell the dimension of ${id}`);
  return dimension;
}

/** A picture's vector, unit length. */
export async function embedPicture(
  engine: Engine,
  model: ManifestModel,
  image: RgbImage,
  signal: AbortSignal,
): Promise<Float32Array> {
  return (await embedImage(engine, image, { model: model.id, signal })).embedding;
}

/** Vectors of texts in the space of a picture model; zeros for a text without words. */
export function embedForModel(
  engine: Engine,
  model: ManifestModel,
  texts: string[],
): Promise<Float32Array[]> {
  return embedTexts(engine, texts, model.textHead === undefined ? {} : { head: model.textHead });
}
