import { analysisSettings } from "@ocelli/analysis";
import { type SettingsValues, setting, settingTypes } from "@ocelli/chassis";

/** Every setting of the search service. */
export const settings = {
  ...analysisSettings("search", 7006),
  minScore: setting("SEARCH_MIN_SCORE", settingTypes.fraction(0, 1), {
    default: 0.35,
    doc: "Least relevance of a result when the search names none; 0 shows everything.",
  }),
};

/** Values of {@link settings}. */
export type SearchConfig = SettingsValues<typeof settings>;
