export { estimateBytes, SharedCache } from "./cache.ts";
export {
  dot,
  EMBEDDING_DIMENSION,
  embedImage,
  embedSentences,
  embedTexts,
  floats,
  type ImageEmbedding,
  loadTokenizer,
  SENTENCE_DIMENSION,
} from "./embedding.ts";
export { createEngine } from "./engine.ts";
export * from "./errors.ts";
export {
  type Crop,
  decodeImage,
  type ResizedPixels,
  type ResizeOptions,
  resizePixels,
} from "./images.ts";
export {
  loadManifest,
  type Manifest,
  type ManifestFile,
  type ManifestModel,
  type ManifestTensor,
} from "./manifest.ts";
export { type FileProblem, readVerified, verifyManifest } from "./model-files.ts";
export { cleanText, MAX_TEXT_LENGTH, type TokenizedText, Tokenizer } from "./tokenizer.ts";
export * from "./types.ts";
