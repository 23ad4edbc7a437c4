import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { captionImage, readText } from "@ocelli/captioning/analyze";
import { analyzeFaces } from "@ocelli/face/analyze";
import type { Engine, RgbImage } from "@ocelli/inference";
import { analyzeScene } from "@ocelli/scene/analyze";
import { emptyReport, type PictureReport } from "./picture-report.ts";
import { StartupError } from "./startup-error.ts";

// As large as a server takes by default. Pictures beyond the 50 megapixels of the engine are refused, as they are by /detect/image.
const maxFileBytes = 100_000_000;
const previewLongSide = 1440;

/** Analyses one file in this process, with no server. */
export async function analyzeFile(engine: Engine, file: string): Promise<PictureReport> {
  const startedAt = performance.now();
  const image = await openPicture(engine, file);
  const [scene, faces, text] = await Promise.all([
    analyzeScene(engine, image),
    analyzeFaces(engine, image),
    readText(engine, image),
  ]);
  const [best] = scene.labels;
  const caption = await captionImage(engine, image, {
    objects: scene.objects,
    tags: scene.tags,
    scene: { label: best?.label ?? "", unsure: scene.unsure, place: scene.place },
  });
  return {
    ...emptyReport(file),
    caption: { text: caption.text, source: caption.source, score: caption.score },
    scene: {
      labels: scene.labels,
      indoor: scene.place === "unknown" ? null : scene.place === "indoor",
      unsure: scene.unsure,
    },
    tags: scene.tags,
    objects: scene.objects,
    faces: faces.faces.map(({ box, score, quality }) => ({ box, score, quality })),
    text: text.lines,
    colors: scene.colors,
    elapsedMs: performance.now() - startedAt,
  };
}

async function openPicture(engine: Engine, file: string): Promise<RgbImage> {
  const { size } = await stat(file).catch(() => {
    throw new StartupError(`${file} cannot be read`);
  });
  if (size === 0 || size > maxFileBytes)
    throw new StartupError(`${file} has ${size} bytes; 1 to ${maxFileBytes} are accepted`);
  const bytes = await readFile(file);
  const key = createHash("sha256").update(bytes).digest("hex");
  return engine.decode(key, async () => bytes, { maxLongSide: previewLongSide });
}
