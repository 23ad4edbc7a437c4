import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

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
