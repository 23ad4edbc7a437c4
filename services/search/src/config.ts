import { callerSettings, type SettingsValues, serviceSettings, setting, settingTypes } from "@ocelli/chassis";

const { duration, fraction, grpcAddress, integer } = settingTypes;

/** Every setting of the search service. */
export const settings = {
  ...serviceSettings("search", 7006),
  ...callerSettings("search"),
  libraryAddress: setting("LIBRARY_ADDR", grpcAddress, {
    default: "127.0.0.1:7002",
    doc: "Address of the library service.",
  }),
  concurrency: setting("SEARCH_CONCURRENCY", integer(1, 64), {
    default: 2,
    doc: "Photos embedded at once.",
  }),
  maxAttempts: setting("SEARCH_MAX_ATTEMPTS", integer(1, 20), {
    default: 5,
    doc: "Attempts before a search stage of a photo is FAILED.",
  }),
  fetchTimeoutMs: setting("PREVIEW_FETCH_TIMEOUT", duration, {
    default: 15_000,
    defaultDoc: "15s",
    doc: "Deadline for fetching a preview from the library.",
  }),
  minScore: setting("SEARCH_MIN_SCORE", fraction(0, 1), {
    default: 0.35,
    doc: "Least relevance of a result when the search names none; 0 shows everything.",
  }),
};

/** Values of {@link settings}. */
export type SearchConfig = SettingsValues<typeof settings>;
