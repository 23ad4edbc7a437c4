import { invalidArgument, isUuid } from "@ocelli/chassis";
import { stages as stageTree } from "@ocelli/contracts";

/** Which photos a list shows; parts that are absent do not restrict. */
export interface PhotoFilter {
  albumId?: string;
  /** Captured (added, where the capture time is unknown) at or after. */
  takenFrom?: Date;
  /** Captured before. */
  takenUntil?: Date;
  /** Part of the camera's name, case ignored. */
  camera?: string;
  /** Part of city, region or country, case ignored. */
  place?: string;
  favorite?: boolean;
  mediaType?: string;
  /** Photos that were not scanned yet have neither. */
  hasFaces?: boolean;
  /** Name of a stage, or `any`. */
  failedStage?: string;
  /** Hidden photos, or the others; absent, only the trash shows both. */
  hidden?: boolean;
  /** What is in the trash instead of what is not. */
  trashed: boolean;
}

/** What a list is sorted by, and in which direction. */
export interface PhotoOrder {
  by: "added" | "taken";
  descending: boolean;
}

/** Longest text of a filter. */
export const maxFilterText = 100;

/**
 * Checks what a caller asks for.
 * @throws AppError INVALID_ARGUMENT/INVALID_FILTER.
 */
export function assertFilter(filter: PhotoFilter): void {
  const wrong = Object.entries(checks).flatMap(([field, { is, description }]) =>
    is(filter) ? [] : [{ field: `filter.${field}`, description }],
  );
  if (wrong.length > 0) throw invalidArgument("INVALID_FILTER", "The filter cannot be used.", wrong);
}

interface Check {
  is: (filter: PhotoFilter) => boolean;
  description: string;
}

const shortText = `must have at most ${maxFilterText} characters and no control characters`;

const checks: Readonly<Record<string, Check>> = {
  album_id: { is: ({ albumId }) => albumId === undefined || isUuid(albumId), description: "must be a UUID" },
  taken_from: {
    is: ({ takenFrom }) => isMoment(takenFrom),
    description: "must be a moment of the years 1 to 9999",
  },
  taken_until: {
    is: ({ takenUntil }) => isMoment(takenUntil),
    description: "must be a moment of the years 1 to 9999",
  },
  camera: { is: ({ camera }) => isShort(camera), description: shortText },
  place: { is: ({ place }) => isShort(place), description: shortText },
  media_type: {
    is: ({ mediaType }) => mediaType === undefined || /^image\/[a-z0-9.+-]{1,60}$/.test(mediaType),
    description: "must be a media type such as image/png",
  },
  failed_stage: {
    is: ({ failedStage }) =>
      failedStage === undefined ||
      failedStage === "any" ||
      stageTree.some(({ name }) => name === failedStage),
    description: `must be any or one of ${stageTree.map(({ name }) => name).join(", ")}`,
  },
};

/** True for a moment that contract and store can hold, and for none. */
export function isMoment(value: Date | undefined): boolean {
  return value === undefined || (value.getTime() >= earliest && value.getTime() <= latest);
}

// The range of google.protobuf.Timestamp.
const earliest = Date.parse("0001-01-01T00:00:00Z");
const latest = Date.parse("9999-12-31T23:59:59.999Z");

function isShort(value: string | undefined): boolean {
  return value === undefined || (value.length <= maxFilterText && !/\p{Cc}/u.test(value));
}
