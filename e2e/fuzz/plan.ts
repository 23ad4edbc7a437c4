import type { MalformedImage } from "../../scripts/malformed-images/malformed-images.ts";
import { createRandom } from "../../scripts/malformed-images/random.ts";
import { type PictureRoute, pictureRoutes } from "./picture-fuzz.ts";

// The ways that end with a photo and all its stages cost seconds for each picture that is taken.
const storing: ReadonlySet<PictureRoute> = new Set([
  "/photos",
  "/classify",
  "/uploads",
  "/albums/{id}/import",
]);

/** Pictures and the ways that they take, by chance; pictures that are sure to be stored are few. */
export function picturePlan(
  images: readonly MalformedImage[],
  { seed, count, stored }: { seed: number; count: number; stored: number },
): Array<readonly [MalformedImage, PictureRoute]> {
  const random = createRandom(seed);
  const refused = images.filter(({ expectation }) => expectation === "refused");
  const accepted = images.filter(({ expectation }) => expectation === "accepted");
  const pick = (from: readonly MalformedImage[]) => from[random.below(from.length)];
  const plan: Array<readonly [MalformedImage, PictureRoute]> = [];
  for (let index = 0; index < count; index++) {
    const route = pictureRoutes[index % pictureRoutes.length];
    const picture = route && pick(storing.has(route) ? refused : index % 3 === 0 ? accepted : images);
    if (route && picture) plan.push([picture, route]);
  }
  for (let index = 0; index < stored; index++) {
    const route = [...storing][index % storing.size];
    const picture = pick(accepted);
    if (route && picture) plan.push([picture, route]);
  }
  return plan;
}
