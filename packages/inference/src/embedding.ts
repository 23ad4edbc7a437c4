import { InputInvalid, ModelUnavailable } from "./errors.ts";
import { resizePixels } from "./images.ts";
import { Tokenizer } from "./tokenizer.ts";
import type { Engine, RgbImage, RunOptions, TensorInput, TensorOutput } from "./types.ts";

/** Length of the joint picture-text embedding. */
export const EMBEDDING_DIMENSION = 384;
/** Length of the sentence encoder's own embedding. */
export const SENTENCE_DIMENSION = 512;
/** Side of the square picture the vision model takes, in pixels. */
const VISION_SIDE = 224;
/** Sentences encoded per run: bounds the time one run holds a worker. */
const SENTENCES_PER_RUN = 32;

/** What the vision trunk says of a picture; shared between callers, so never write to the arrays. */
export interface ImageEmbedding {
  /** 384 values, unit length: compare with embedTexts by dot product. */
  embedding: Float32Array;
  /** 49 x 384 values: the 7x7 grid the caption decoder attends to. */
  tokens: Float32Array;
  /** 24 values, for a plain softmax over the classes of the `scenes` data file. */
  sceneLogits: Float32Array;
  /** Milliseconds from request to result when it was computed: resizing, waiting and running. */
  ms: number;
  queueMs: number;
  runMs: number;
}

/**
 * Runs the vision trunk once per picture (`image.key`), however many services ask.
 * `deadlineMs` and `signal` stop the waiting of this caller only, since others may share the work.
 */
export async function embedImage(
  engine: Engine,
  image: RgbImage,
  options?: Pick<RunOptions, "deadlineMs" | "signal"> & {
    /** Another picture model of the pack that takes and gives the same tensors. */
    model?: string;
  },
): Promise<ImageEmbedding> {
  const { id, version } = engine.model(options?.model ?? "vision");
  options?.signal?.throwIfAborted();
  const shared = engine.once(`vision/${id}/${version}/${image.key}`, () => runVision(engine, id, image));
  return options?.signal === undefined ? shared : untilAborted(shared, options.signal);
}

async function runVision(engine: Engine, model: string, image: RgbImage): Promise<ImageEmbedding> {
  const started = performance.now();
  const { data } = await resizePixels(image, { width: VISION_SIDE, height: VISION_SIDE, fit: "fill" });
  const half: [number, number, number] = [127.5, 127.5, 127.5];
  const dims = [1, 3, VISION_SIDE, VISION_SIDE];
  const pixels = { type: "pixels", dims, data, layout: "nchw", order: "rgb", mean: half, std: half } as const;
  const { outputs, timings } = await engine.run(model, { pixels }, { consume: true });
  return {
    embedding: floats(model, outputs, "embedding"),
    tokens: floats(model, outputs, "tokens"),
    sceneLogits: floats(model, outputs, "scene_logits"),
    ms: performance.now() - started,
    queueMs: timings.queueMs,
    runMs: timings.runMs,
  };
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/**
 * Joint embeddings of texts: 384 values each, unit length, in order. A text without any usable word (only digits, or
 * another script) gives all zeros, which agree with nothing. Rejects InputInvalid for a text that is too long.
 */
export async function embedTexts(
  engine: Engine,
  texts: string[],
  options: RunOptions & {
    /** Another head of the pack, for the space of another picture model. */
    head?: string;
  } = {},
): Promise<Float32Array[]> {
  const { head = "text-head", ...run } = options;
  const sentences = await embedSentences(engine, texts, run);
  const filled = sentences.flatMap((sentence, index) => (sentence.some((v) => v !== 0) ? [index] : []));
  const result: Float32Array[] = texts.map(() => new Float32Array(EMBEDDING_DIMENSION));
  for (let at = 0; at < filled.length; at += SENTENCES_PER_RUN) {
    const part = filled.slice(at, at + SENTENCES_PER_RUN);
    const data = new Float32Array(part.length * SENTENCE_DIMENSION);
    for (const [row, index] of part.entries()) data.set(sentences[index] ?? [], row * SENTENCE_DIMENSION);
    const use: TensorInput = { type: "float32", dims: [part.length, SENTENCE_DIMENSION], data };
    const { outputs } = await engine.run(head, { use }, { ...run, consume: true });
    const rows = splitRows(floats(head, outputs, "embedding"), EMBEDDING_DIMENSION);
    part.forEach((index, row) => {
      result[index] = rows[row] ?? new Float32Array(EMBEDDING_DIMENSION);
    });
  }
  return result;
}

/**
 * Sentence embeddings (512 values, not normalised) for comparing texts with texts; zeros for a text without words. A
 * single text is kept for a while, since a search asks for both its embeddings: never write to the arrays.
 */
export async function embedSentences(
  engine: Engine,
  texts: string[],
  options?: RunOptions,
): Promise<Float32Array[]> {
  const tokenizer = await loadTokenizer(engine);
  const tokenized = texts.map((text) => tokenizer.tokenize(text).ids);
  const [only] = tokenized;
  // Not for callers that may leave: what others wait for must not end with them.
  const kept = options?.signal === undefined && options?.deadlineMs === undefined;
  if (tokenized.length === 1 && only !== undefined && only.length > 0 && kept) {
    const { id, version } = engine.model("text-use-lite");
    const key = `sentence/${id}/${version}/${only.join(",")}`;
    return engine.once(key, () => runSentences(engine, [only]));
  }
  const filled = tokenized.flatMap((ids, index) => (ids.length > 0 ? [index] : []));
  const result: Float32Array[] = texts.map(() => new Float32Array(SENTENCE_DIMENSION));
  for (let at = 0; at < filled.length; at += SENTENCES_PER_RUN) {
    const part = filled.slice(at, at + SENTENCES_PER_RUN);
    const rows = await runSentences(
      engine,
      part.map((index) => tokenized[index] ?? []),
      options,
    );
    part.forEach((index, row) => {
      result[index] = rows[row] ?? new Float32Array(SENTENCE_DIMENSION);
    });
  }
  return result;
}

async function runSentences(
  engine: Engine,
  sentences: number[][],
  options?: RunOptions,
): Promise<Float32Array[]> {
  const ids = sentences.flat();
  const positions = sentences.flatMap((pieces, row) => pieces.flatMap((_, column) => [row, column]));
  const values: TensorInput = { type: "int64", dims: [ids.length], data: BigInt64Array.from(ids, BigInt) };
  const pairs = BigInt64Array.from(positions, BigInt);
  const indices: TensorInput = { type: "int64", dims: [ids.length, 2], data: pairs };
  const { outputs } = await engine.run("text-use-lite", { values, indices }, { ...options, consume: true });
  return splitRows(floats("text-use-lite", outputs, "embedding"), SENTENCE_DIMENSION);
}

/** The tokenizer of the sentence encoder, made once per engine. */
export function loadTokenizer(engine: Engine): Promise<Tokenizer> {
  const known = tokenizers.get(engine);
  if (known !== undefined) return known;
  const loading = engine.data("text-use-lite-vocab").then((text) => new Tokenizer(text));
  tokenizers.set(engine, loading);
  // A failed load is forgotten, so that a mended file works without a restart.
  loading.catch(() => tokenizers.delete(engine));
  return loading;
}

// Kept beside the engine, not in its byte-bounded cache, and gone with it.
const tokenizers = new WeakMap<Engine, Promise<Tokenizer>>();

function splitRows(data: Float32Array, length: number): Float32Array[] {
  return Array.from({ length: data.length / length }, (_, row) =>
    data.slice(row * length, (row + 1) * length),
  );
}

/** The float32 output of that name; throws ModelUnavailable when the model gave none. */
export function floats(modelId: string, outputs: Record<string, TensorOutput>, name: string): Float32Array {
  const data = outputs[name]?.data;
  if (data instanceof Float32Array) return data;
  throw new ModelUnavailable(
    modelId,
    "MODEL_RUN_FAILED",
    `model "${modelId}" gave no float32 output "${name}"`,
  );
}

/** Dot product of two vectors of equal length; for unit vectors, their cosine. */
export function dot(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length)
    throw new InputInvalid(`vectors of ${a.length} and ${b.length} values do not compare`);
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
}
