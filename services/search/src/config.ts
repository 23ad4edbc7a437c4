import { analysisSettings, rawImageSettings } from "@ocelli/analysis";
import { type SettingsValues, setting, settingTypes } from "@ocelli/chassis";

function upstream(name: string, port: number) {
  return setting(`${name.toUpperCase()}_ADDR`, settingTypes.grpcAddress, {
    default: `127.0.0.1:${port}`,
    doc: `Address of the ${name} service, asked when the index is built anew.`,
  });
}

/** Every setting of the search service. */
export const settings = {
  ...analysisSettings("search", 7006),
  ...rawImageSettings,
  captioningAddress: upstream("captioning", 7003),
  faceAddress: upstream("face", 7004),
  sceneAddress: upstream("scene", 7005),
  minScore: setting("SEARCH_MIN_SCORE", settingTypes.fraction(0, 1), {
    default: 0.35,
    doc: "Least relevance of a result when the search names none; 0 shows everything.",
  }),
  vectorCacheBytes: setting("SEARCH_VECTOR_CACHE", settingTypes.byteSize, {
    default: 64 * 1024 * 1024,
    defaultDoc: "64mib",
    doc: "Most memory for codes of the vectors of owners who search, 64 bytes per photo; 0 leaves it to the database.",
  }),
  reindexRate: setting("SEARCH_REINDEX_RATE", settingTypes.integer(1, 1000), {
    default: 5,
    doc: "Photos per second, at most, that get vectors of another model in the background.",
  }),
};

/** Values of {@link settings}. */
export type SearchConfig = SettingsValues<typeof settings>;
