import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import {
  createEngine,
  dot,
  type Engine,
  embedImage,
  embedTexts,
  loadManifest,
} from "../packages/inference/src/index.ts";
import { type LabelledPicture, readLabelledPictures } from "./labelled-pictures.ts";
import { judgeRanks, type RetrievalQuality, rankOf } from "./retrieval.ts";

// Judges the joint picture-text embedding of a set of models on labelled pictures: does a sentence find its picture?

const usage = `npm run eval:search -- FOLDER [--models FOLDER_OR_MANIFEST] [--json]

FOLDER holds pictures and captions.jsonl: a line of {"image": "dog.jpg", "captions": ["a dog"]} per picture.`;

// Long side of the library's previews: the model sees what it would see in the mesh.
const previewLongSide = 1440;

async function embedPictures(
  engine: Engine,
  pictures: readonly LabelledPicture[],
): Promise<Array<Float32Array | undefined>> {
  const embeddings: Array<Float32Array | undefined> = pictures.map(() => undefined);
  const queue = pictures.entries();
  const work = async (): Promise<void> => {
    for (const [index, { path }] of queue) {
      try {
        const image = await engine.decode(path, () => readFile(path), { maxLongSide: previewLongSide });
        embeddings[index] = (await embedImage(engine, image)).embedding;
      } catch (error) {
        console.error(`${path} is left out: ${error instanceof Error ? error.message : error}`);
      }
    }
  };
  await Promise.all([work(), work()]);
  return embeddings;
}

async function judge(engine: Engine, all: readonly LabelledPicture[]): Promise<RetrievalQuality> {
  const embeddings = await embedPictures(engine, all);
  const pictures = all.flatMap(({ captions }, index) => {
    const embedding = embeddings[index];
    return embedding ? [{ captions, embedding }] : [];
  });
  const ranks: number[] = [];
  for (const [right, { captions }] of pictures.entries()) {
    for (const text of await embedTexts(engine, captions)) {
      const scores = pictures.map(({ embedding }) => dot(text, embedding));
      ranks.push(rankOf(scores, right));
    }
  }
  return judgeRanks(ranks);
}

function report(quality: RetrievalQuality, models: string): void {
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`.padStart(8);
  console.log(`${quality.queries} sentences, ${models}`);
  for (const most of [1, 5, 10] as const)
    console.log(`recall@${String(most).padEnd(3)}${percent(quality.recall[most])}`);
  console.log(`mean reciprocal rank ${quality.meanReciprocalRank.toFixed(3)}`);
}

const { values, positionals } = parseArgs({
  options: { models: { type: "string" }, json: { type: "boolean", default: false } },
  allowPositionals: true,
});
const [folder] = positionals;
if (!folder) {
  console.error(usage);
  process.exit(2);
}
const manifest = loadManifest(values.models);
const engine = createEngine({
  manifest,
  workers: 1,
  threadsPerWorker: availableParallelism(),
  queueLimit: 1024,
});
try {
  const quality = await judge(engine, await readLabelledPictures(resolve(folder)));
  const models = ["vision", "text-head"]
    .map((id) => engine.model(id))
    .map(({ id, version }) => `${id}@${version}`)
    .join(" + ");
  if (values.json) console.log(JSON.stringify({ models, ...quality }));
  else report(quality, models);
} finally {
  await engine.close();
}
