export { type CaptionResult, captionImage, captionModelVersion } from "./caption/caption-image.ts";
export { embedCommonPhrases } from "./caption/phrase-embeddings.ts";
export type { CaptionCandidate, CaptionContext, CaptionSource, Labelled } from "./caption/types.ts";
export { type ReadTextOptions, readText, type TextReading, textModelVersion } from "./ocr/read-text.ts";
export type { Box, TextLine } from "./ocr/types.ts";
