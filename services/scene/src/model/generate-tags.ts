import { writeFile } from "node:fs/promises";
import { createEngine, loadManifest } from "@ocelli/inference";
import {
  embeddingsFile,
  embeddingsKey,
  embedPrompts,
  encodeEmbeddings,
  sceneClasses,
  wordPrompts,
} from "./tag-embeddings.ts";

/**
 * Writes tag-embeddings.bin for the starter models: `node services/scene/src/model/generate-tags.ts`. Run it
 * after changing the list of things, the prompts, the scene classes or the text models; a stale file only
 * costs a slow first photo.
 */
const engine = createEngine({ manifest: loadManifest(), workers: 1, threadsPerWorker: 2, queueLimit: 64 });
try {
  const prompts = wordPrompts(await sceneClasses(engine));
  const rows = await embedPrompts(engine, prompts);
  await writeFile(embeddingsFile, encodeEmbeddings(embeddingsKey(engine, prompts), rows));
  process.stdout.write(`${rows.length} embeddings written to ${embeddingsFile.pathname}\n`);
} finally {
  await engine.close();
}
