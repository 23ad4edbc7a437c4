export { faceCalibration } from "./grouping/calibration.ts";
export type { FaceSearch, FaceSearchMatch, FaceSearchResult } from "./grouping/face-search.ts";
export {
  createPeopleGrouping,
  type GroupingSettings,
  type PeopleGrouping,
} from "./grouping/people-grouping.ts";
export type { RegroupWorker } from "./grouping/regroup-worker.ts";
export { groupingSettings } from "./grouping/settings.ts";
export type { PersonSuggestion, Suggestions } from "./grouping/suggestions.ts";
export type { Grouping, GroupingChange } from "./grouping/types.ts";
