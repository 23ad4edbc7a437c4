import { type AppError, invalidArgument } from "@ocelli/chassis";
import type { ImageFacts } from "./photo.ts";

/** Which pictures an installation takes, of those it can read; see the settings of the same names. */
export interface UploadPolicySettings {
  /** Empty for all that can be read. */
  uploadMediaTypes: readonly string[];
  /** Least pixels of the shorter side; 0 for any. */
  uploadMinSide: number;
  /** Most pixels of the longer side; 0 for any. */
  uploadMaxSide: number;
}

/** What is judged of a picture. */
export type JudgedImage = Pick<ImageFacts, "mediaType" | "width" | "height">;

/** Says which pictures are taken. */
export interface UploadPolicy {
  /** INVALID_ARGUMENT/{MEDIA_TYPE_NOT_ALLOWED,IMAGE_TOO_SMALL,IMAGE_TOO_LARGE}: everything that speaks against one. */
  problemsOf(image: JudgedImage): AppError[];
  /** @throws AppError the first of {@link problemsOf}. */
  assertAllowed(image: JudgedImage): void;
}

/** Creates the policy of an installation. */
export function createUploadPolicy(settings: UploadPolicySettings): UploadPolicy {
  const { uploadMediaTypes: types, uploadMinSide: minSide, uploadMaxSide: maxSide } = settings;

  function problemsOf({ mediaType, width, height }: JudgedImage): AppError[] {
    const size = `The image has ${width} x ${height} pixels`;
    const problems: AppError[] = [];
    if (types.length > 0 && !types.includes(mediaType)) {
      const message = `Pictures of type ${mediaType} are not accepted here; accepted are ${types.join(", ")}.`;
      problems.push(invalidArgument("MEDIA_TYPE_NOT_ALLOWED", message));
    }
    if (Math.min(width, height) < minSide) {
      const message = `${size}; each side must have at least ${minSide}.`;
      problems.push(invalidArgument("IMAGE_TOO_SMALL", message));
    }
    if (maxSide > 0 && Math.max(width, height) > maxSide) {
      problems.push(invalidArgument("IMAGE_TOO_LARGE", `${size}; each side may have at most ${maxSide}.`));
    }
    return problems;
  }

  return {
    problemsOf,
    assertAllowed(image) {
      const [problem] = problemsOf(image);
      if (problem) throw problem;
    },
  };
}
