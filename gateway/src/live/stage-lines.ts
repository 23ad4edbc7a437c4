import type { libraryV1 } from "@ocelli/contracts";
import type { PhotoResults, ResultCallOptions } from "../photo-results.ts";
import {
  captionLine,
  errorLine,
  facesLine,
  indexLine,
  type LineBody,
  peopleLine,
  sceneLines,
  textLine,
} from "./lines.ts";

/** What the lines of a stage are made from. */
export interface StageLineSources {
  readonly results: PhotoResults;
  /** Whether the reader may know whose the faces are. */
  readonly seesPeople: boolean;
  readonly photo: Pick<libraryV1.Photo, "id">;
}

/** Whether a stage gave up. */
export function hasFailed(state: libraryV1.StageState): boolean {
  return state.status === "STAGE_STATUS_FAILED";
}

/**
 * The lines of a stage that has ended; none where it was skipped.
 * @throws AppError of the service that holds the result.
 */
export async function fetchStageLines(
  { results, seesPeople, photo: { id } }: StageLineSources,
  state: libraryV1.StageState,
  options: ResultCallOptions,
): Promise<LineBody[]> {
  if (hasFailed(state)) return [failedLine(state)];
  if (state.status !== "STAGE_STATUS_SUCCEEDED") return [];
  switch (state.stage) {
    case "scene":
      return sceneLines(await results.scene(id, options));
    case "faces":
      return [facesLine(await results.faces(id, options))];
    case "people":
      return seesPeople ? [peopleLine(await results.faces(id, options))] : [];
    case "ocr":
      return [textLine(await results.text(id, options))];
    case "caption":
      return [captionLine(await results.caption(id, options))];
    case "index":
      return [indexLine()];
    default:
      return [];
  }
}

function failedLine({ stage, error }: libraryV1.StageState): LineBody {
  // The library keeps `REASON: sentence`.
  const [, reason, message] = /^([A-Z][A-Z0-9_]*): (.*)$/s.exec(error) ?? [];
  return errorLine(reason ?? "STAGE_FAILED", message ?? (error || `The stage ${stage} failed.`), stage);
}
