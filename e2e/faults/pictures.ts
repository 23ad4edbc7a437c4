import sharp from "sharp";
import { photoBytes } from "../harness/photos.ts";
import type { Random } from "./random.ts";

const size = { width: 240, height: 180 };
const scenes = ["coffee.png", "chelsea.png", "rocket.jpg"] as const;

/** A small real photo that no other call makes: another part of a picture, in another light, with a noise of its own. */
export async function makePicture(random: Random, face: boolean): Promise<Uint8Array<ArrayBuffer>> {
  // Where the astronaut's face is, always whole.
  const left = face ? random.between(90, 110) : random.between(0, 200);
  const top = face ? random.between(0, 20) : random.between(0, 100);
  const noise = Buffer.from(Array.from({ length: size.width * size.height * 3 }, () => random.between(0, 8)));
  const bytes = await sharp(photoBytes(face ? "astronaut.png" : random.pick(scenes)))
    .removeAlpha()
    .extract({ left, top, ...size })
    .modulate({ brightness: 0.9 + random.next() * 0.2, hue: random.between(-12, 12) })
    .composite([{ input: noise, raw: { ...size, channels: 3 }, blend: "add" }])
    .jpeg({ quality: 85 })
    .toBuffer();
  return new Uint8Array(bytes);
}
