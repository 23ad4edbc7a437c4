import { commonV1 } from "@ocelli/contracts";

const sources = {
  NEURAL: commonV1.ResultSource.RESULT_SOURCE_NEURAL,
  PLAIN: commonV1.ResultSource.RESULT_SOURCE_PLAIN,
} as const;

/** A sentence of the model code as the contract shows it. */
export function toCaption(sentence: {
  text: string;
  score: number;
  source: keyof typeof sources;
}): commonV1.Caption {
  return { text: sentence.text, score: sentence.score, source: sources[sentence.source] };
}
