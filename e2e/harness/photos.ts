import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import sharp from "sharp";

const committed = fileURLToPath(new URL("../photos/", import.meta.url));
/** Photos whose rights do not allow committing them; tests that need them skip where the folder is absent. */
export const sharedPhotos = fileURLToPath(new URL("../../../shared/photos/", import.meta.url));

/** Photos that come with the project. */
export const photoNames = ["astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"] as const;

/** Bytes of a photo that comes with the project. */
export function photoBytes(name: (typeof photoNames)[number]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(`${committed}${name}`));
}

/** Path of a photo that comes with the project. */
export function photoPath(name: (typeof photoNames)[number]): string {
  return `${committed}${name}`;
}

/** True when the photos that cannot be committed are there. */
export const hasSharedPhotos = existsSync(`${sharedPhotos}two_people.jpg`);

/**
 * JPEGs that all differ, numbers `first` and following: each is another crop of a photo. At most 34 exist of the coffee;
 * on the first 13 of the astronaut is her face.
 */
export async function differentPictures(
  count: number,
  first = 0,
  name: "coffee.png" | "astronaut.png" = "coffee.png",
): Promise<Uint8Array<ArrayBuffer>[]> {
  const pictures = [];
  for (let index = first; index < first + count; index++) {
    const crop = { left: index * 4, top: index * 3, width: 400, height: 300 };
    pictures.push(new Uint8Array(await sharp(photoBytes(name)).extract(crop).jpeg().toBuffer()));
  }
  return pictures;
}
