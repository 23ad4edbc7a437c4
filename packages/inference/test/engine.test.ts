import type { Worker } from "node:worker_threads";
import { afterEach, describe, expect, it } from "vitest";
import {
  DeadlineExceeded,
  type Engine,
  type EngineOptions,
  EngineOverloaded,
  InputInvalid,
  loadManifest,
  ModelUnavailable,
} from "../src/index.ts";
import { readPhoto, startEngine, textHeadInput, visionInput } from "./support.ts";

const engines: Engine[] = [];
afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.close()));
});

function start(options: Partial<EngineOptions> = {}): Engine {
  const engine = startEngine(options);
  engines.push(engine);
  return engine;
}

/** The starter pack with batching of the vision model allowed (measured not to pay, but it must be right). */
function batchingManifest(maxBatch: number): EngineOptions["manifest"] {
  const manifest = loadManifest();
  return { ...manifest, models: manifest.models.map((model) => ({ ...model, maxBatch })) };
}

describe("batching", () => {
  it("joins what queued meanwhile and gives each caller what a run alone gives", async () => {
    const sizes: number[] = [];
    const engine = start({
      manifest: batchingManifest(4),
      metrics: { batchSize: (_, size) => sizes.push(size) },
    });
    const alone = await Promise.all(
      [10, 90, 200].map((value) => engine.run("vision", visionInput(value), { batch: false })),
    );
    const blocker = engine.run("vision", visionInput(0));
    const joined = await Promise.all([10, 90, 200].map((value) => engine.run("vision", visionInput(value))));
    await blocker;
    expect(sizes).toEqual([1, 1, 1, 1, 3]);
    for (const [index, result] of joined.entries()) {
      expect(result.timings.batchSize).toBe(3);
      expect(result.outputs.embedding?.dims).toEqual([1, 384]);
      const wanted = Array.from(alone[index]?.outputs.embedding?.data ?? [], Number);
      const given = Array.from(result.outputs.embedding?.data ?? [], Number);
      const apart = given.map((value, at) => Math.abs(value - (wanted[at] ?? Number.NaN)));
      expect(Math.max(...apart)).toBeLessThan(1e-4);
    }
  });

  it("fetches only the wanted outputs", async () => {
    const { outputs } = await start().run("vision", visionInput(1), { outputs: ["scene_logits"] });
    expect(Object.keys(outputs)).toEqual(["scene_logits"]);
  });
});

describe("overload", () => {
  it("refuses at the door when a model's line is full, and names a time to come back", async () => {
    const engine = start({ queueLimit: 2 });
    await engine.warm(["vision"]);
    const runs = Array.from({ length: 5 }, () => engine.run("vision", visionInput(5)));
    const results = await Promise.allSettled(runs);
    const refused = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
    expect(refused).toHaveLength(2);
    expect(refused[0]).toBeInstanceOf(EngineOverloaded);
    expect(refused[0]).toMatchObject({
      reason: "ENGINE_OVERLOADED",
      code: "RESOURCE_EXHAUSTED",
      retryable: true,
    });
    expect(refused[0].retryAfterMs).toBeGreaterThan(0);
  });

  it("serves another model's single entry before the rest of a backlog", async () => {
    const engine = start();
    await engine.warm(["vision", "text-head"]);
    const order: string[] = [];
    const backlog = Array.from({ length: 6 }, () =>
      engine.run("vision", visionInput(5)).then(() => order.push("vision")),
    );
    const single = engine.run("text-head", textHeadInput(1)).then(() => order.push("text-head"));
    await Promise.all([...backlog, single]);
    expect(order.indexOf("text-head")).toBeLessThanOrEqual(2);
  });
});

describe("callers that gave up", () => {
  it("drops an entry whose deadline passed while it waited, without running it", async () => {
    const dropped: string[] = [];
    const engine = start({ metrics: { dropped: (id, reason) => dropped.push(`${id} ${reason}`) } });
    // The first run loads the model, which takes far longer than the deadline of the second.
    const blocker = engine.run("vision", visionInput(0));
    const late = engine.run("text-head", textHeadInput(1), { deadlineMs: Date.now() + 1 });
    await expect(late).rejects.toBeInstanceOf(DeadlineExceeded);
    await blocker;
    expect(dropped).toEqual(["text-head deadline"]);
    expect(engine.models().find((model) => model.id === "text-head")).toMatchObject({
      loaded: false,
      meanMs: null,
    });
  });

  it("removes an aborted entry at once with the signal's reason", async () => {
    const engine = start();
    const blocker = engine.run("vision", visionInput(0));
    const controller = new AbortController();
    const waiting = engine.run("vision", visionInput(1), { signal: controller.signal });
    controller.abort(new Error("caller left"));
    await expect(waiting).rejects.toThrow("caller left");
    await blocker;
  });
});

describe("threads", () => {
  it("keeps the event loop turning while a model runs", async () => {
    const engine = start();
    await engine.warm(["objects-nanodet-g"]);
    let turns = 0;
    let running = true;
    const count = (): void => {
      turns++;
      if (running) setImmediate(count);
    };
    setImmediate(count);
    const data = new Uint8Array(416 * 416 * 3);
    const dims = [1, 3, 416, 416];
    const input = {
      type: "pixels",
      dims,
      data,
      layout: "nchw",
      order: "bgr",
      mean: [0, 0, 0],
      std: [1, 1, 1],
    } as const;
    await engine.run("objects-nanodet-g", { input_1: { ...input, dims, mean: [0, 0, 0], std: [1, 1, 1] } });
    running = false;
    expect(turns).toBeGreaterThan(20);
  });

  it("answers a run whose worker dies with a retryable error, and serves the next from a new worker", async () => {
    const threads: Worker[] = [];
    const remember = (thread: Worker): void => void threads.push(thread);
    process.on("worker", remember);
    try {
      const engine = start();
      await engine.warm(["vision"]);
      const running = engine.run("vision", visionInput(1));
      const lost = expect(running).rejects.toMatchObject({ reason: "MODEL_WORKER_LOST", retryable: true });
      await threads[0]?.terminate();
      await lost;
      const { outputs } = await engine.run("vision", visionInput(1));
      expect(outputs.embedding?.dims).toEqual([1, 384]);
      expect(threads).toHaveLength(2);
    } finally {
      process.off("worker", remember);
    }
  });

  it("starts a fresh worker after idle time, and still answers", async () => {
    const messages: string[] = [];
    const note = (_: object, message: string): void => void messages.push(message);
    const engine = start({ idleRecycleMs: 60, log: { info: note, warn: note } });
    await engine.run("text-head", textHeadInput(1));
    expect(engine.models().some((model) => model.loaded)).toBe(true);
    await expect.poll(() => engine.models().some((model) => model.loaded), { timeout: 5000 }).toBe(false);
    expect(messages).toContain("idle model worker recycled");
    const again = await engine.run("text-head", textHeadInput(1));
    expect(again.outputs.embedding?.dims).toEqual([1, 384]);
  });

  it("finishes running work on close, and refuses what waits or comes later", async () => {
    const engine = startEngine();
    const running = engine.run("vision", visionInput(0));
    const waiting = engine.run("vision", visionInput(1));
    const closed = expect(waiting).rejects.toMatchObject({ reason: "ENGINE_CLOSED" });
    await engine.close();
    await closed;
    await expect(running).resolves.toBeDefined();
    await expect(engine.run("vision", visionInput(2))).rejects.toBeInstanceOf(ModelUnavailable);
  });
});

describe("decode", () => {
  it("shares the work for one key, but keeps sizes apart", async () => {
    const engine = start();
    let loads = 0;
    const load = () => {
      loads++;
      return readPhoto("chelsea.png");
    };
    const [small, full, again] = await Promise.all([
      engine.decode("cat", load, { maxLongSide: 100 }),
      engine.decode("cat", load),
      engine.decode("cat", load),
    ]);
    expect([small.width, full.width, loads]).toEqual([100, 451, 2]);
    expect(again).toBe(full);
  });
});

describe("bad calls", () => {
  it.each([
    ["an unknown model", "no-such-model", {}, "MODEL_UNKNOWN"],
    ["a wrong input name", "text-head", { wrong: textHeadInput(1).use }, "INPUT_INVALID"],
    [
      "data that does not fill its dims",
      "text-head",
      { use: { type: "float32", dims: [1, 512], data: new Float32Array(5) } },
      "INPUT_INVALID",
    ],
    [
      "dims the model does not take",
      "text-head",
      { use: { type: "float32", dims: [1, 5], data: new Float32Array(5) } },
      "INPUT_INVALID",
    ],
    [
      "absurd dims",
      "text-head",
      { use: { type: "float32", dims: [-1, 512], data: new Float32Array(512) } },
      "INPUT_INVALID",
    ],
  ])("refuses %s", async (_, modelId, inputs, reason) => {
    // The table mixes good and bad shapes on purpose, so its type is wider than the parameter's.
    await expect(start().run(modelId, inputs as never)).rejects.toMatchObject({ reason });
  });

  it("leaves the caller's memory alone unless it is given away", async () => {
    const engine = start();
    const kept = new Float32Array(512).fill(1);
    await engine.run("text-head", { use: { type: "float32", dims: [1, 512], data: kept } });
    expect(kept.length).toBe(512);
    await engine.run(
      "text-head",
      { use: { type: "float32", dims: [1, 512], data: kept } },
      { consume: true },
    );
    expect(kept.length).toBe(0);
    await expect(engine.run("text-head", textHeadInput(1), { outputs: ["nope"] })).rejects.toBeInstanceOf(
      InputInvalid,
    );
  });

  it("goes on after memory that was given away twice", async () => {
    const engine = start();
    const twice = textHeadInput(1);
    const runs = [1, 2].map(() => engine.run("text-head", twice, { consume: true, batch: false }));
    const outcomes = await Promise.allSettled([engine.run("text-head", textHeadInput(2)), ...runs]);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
    await engine.run("text-head", textHeadInput(3));
  });
});
