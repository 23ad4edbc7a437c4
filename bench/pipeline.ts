import { setTimeout as delay } from "node:timers/promises";
import { type EngineShape, openBareLoop } from "./bare-loop.ts";
import { type BenchSize, type Figure, median } from "./figures.ts";
import { analyseThroughHttp, type Mesh, watchPeak } from "./mesh.ts";
import { makePictures } from "./pictures.ts";

const group = "pipeline";
const concurrencies = [2, 3, 4];
// Pending garbage and idle connections of one side should not be paid for by the other.
const settleMs = 500;

/**
 * Photos per second through HTTP with all stages against a bare loop over the same decode and models, in turns on the
 * same pictures, and the memory peak of the mesh meanwhile.
 */
export async function measurePipeline(mesh: Mesh, shape: EngineShape, size: BenchSize): Promise<Figure[]> {
  const bare = await openBareLoop(shape, await makePictures(4, 1));
  try {
    const concurrency = await bestConcurrency(bare, await makePictures(9, 2));
    const peak = watchPeak(mesh.process.child.pid ?? 0);
    await analyseThroughHttp(mesh.client, await makePictures(6, 3));
    const through: number[] = [];
    const alone: number[] = [];
    for (let round = 0; round < size.rounds; round++) {
      const pictures = await makePictures(size.photosPerRound, 100 + round);
      await delay(settleMs);
      const ms = await analyseThroughHttp(mesh.client, pictures);
      through.push(pictures.length / (ms / 1000));
      await delay(settleMs);
      alone.push(await bare.run(pictures, concurrency));
    }
    const ratios = through.map((rate, round) => rate / (alone[round] ?? rate));
    return [
      figure("through HTTP, all stages", median(through), "photos/s", through),
      figure(`bare loop, ${concurrency} at a time`, median(alone), "photos/s", alone),
      { ...figure("efficiency", median(ratios), "", ratios), target: { at: "least", value: 0.85 } },
      {
        ...figure("memory under load, peak", peak.stop(), "MB"),
        group: "memory",
        target: { at: "most", value: 1600 },
      },
    ];
  } finally {
    await bare.close();
  }
}

async function bestConcurrency(
  bare: Awaited<ReturnType<typeof openBareLoop>>,
  pictures: Awaited<ReturnType<typeof makePictures>>,
): Promise<number> {
  let best = { rate: 0, concurrency: 2 };
  for (const concurrency of concurrencies) {
    const rate = await bare.run(pictures, concurrency);
    if (rate > best.rate) best = { rate, concurrency };
  }
  return best.concurrency;
}

function figure(name: string, value: number, unit: string, samples?: number[]): Figure {
  return { group, name, value, unit, ...(samples ? { samples } : {}) };
}
