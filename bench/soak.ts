import { serverFaults } from "../e2e/harness/inspection.ts";
import { temporaryFolder } from "../e2e/harness/ocelli-process.ts";
import { type BenchSize, type Figure, median } from "./figures.ts";
import { analyseThroughHttp, cpuMs, type Mesh, startMesh, watchPeak } from "./mesh.ts";
import { makePictures, type Picture, readPictures } from "./pictures.ts";

const group = "soak";
// The models load, and everything that is made once is made, before anything is measured.
const warmUpPhotos = 12;
const firstSeed = 10_000;

/** What a block of photos took. */
interface Block {
  photos: number;
  wallMs: number;
  cpuMs: number;
  /** Peak of the memory meanwhile. */
  residentMb: number;
}

/**
 * Many different photos through HTTP with all stages, by one user in one run, in blocks of a hundred: what a photo costs at
 * the end against the beginning, and what becomes of the memory. Photos of `folder` go in as they are, between the first
 * block and the second. Pictures are made between blocks, so that making them costs the blocks nothing.
 */
export async function measureSoak(size: BenchSize, folder?: string): Promise<Figure[]> {
  // Longer than the default, so that one login lasts; an hour is the most there is.
  const mesh = await startMesh(temporaryFolder(), { AUTH_ACCESS_TOKEN_LIFETIME: "60m" }, "soak");
  try {
    await analyseThroughHttp(mesh.client, await makePictures(warmUpPhotos, firstSeed - 1));
    const inBlock = Math.min(100, size.soakPhotos / 8);
    const real = folder === undefined ? [] : readPictures(folder);
    const blocks: Block[] = [];
    for (let block = 0; block * inBlock < size.soakPhotos; block += 1) {
      blocks.push(await measureBlock(mesh, await makePictures(inBlock, firstSeed + block)));
      tell(blocks);
      if (block === 0 && real.length > 0) await analyseThroughHttp(mesh.client, real);
    }
    const { answers, logged } = await serverFaults(mesh.process);
    return [...figuresOf(blocks), ...faultsAndCounts(blocks, real.length, answers + logged.length)];
  } finally {
    await mesh.process.end("SIGTERM");
  }
}

async function measureBlock(mesh: Mesh, pictures: readonly Picture[]): Promise<Block> {
  const pid = mesh.process.child.pid ?? 0;
  const peak = watchPeak(pid);
  const cpuBefore = cpuMs(pid);
  const wallMs = await analyseThroughHttp(mesh.client, pictures);
  return {
    photos: pictures.length,
    wallMs,
    cpuMs: cpuMs(pid) - cpuBefore,
    residentMb: peak.stop(),
  };
}

/** A run of half an hour should say how it goes. */
function tell(blocks: readonly Block[]): void {
  const {
    photos,
    wallMs,
    cpuMs: cpu,
    residentMb,
  } = blocks.at(-1) ?? { photos: 1, wallMs: 0, cpuMs: 0, residentMb: 0 };
  const done = blocks.reduce((sum, block) => sum + block.photos, 0);
  const each = (ms: number) => `${(ms / photos).toFixed(0)} ms`;
  console.log(
    `soak: ${done} photos; of the last ${photos} each ${each(wallMs)}, CPU ${each(cpu)}; ${residentMb.toFixed(0)} MB`,
  );
}

function figuresOf(blocks: readonly Block[]): Figure[] {
  const quarter = Math.max(1, Math.floor(blocks.length / 4));
  const second = blocks.slice(quarter, 2 * quarter);
  const last = blocks.slice(-quarter);
  const memory = (some: readonly Block[]) => Math.max(...some.map((block) => block.residentMb));
  return [
    ...costs(blocks, "wall", (block) => block.wallMs / block.photos),
    ...costs(blocks, "CPU", (block) => block.cpuMs / block.photos),
    {
      group,
      name: "memory, peak of the second quarter",
      value: memory(second),
      unit: "MB",
      samples: blocks.map((block) => block.residentMb),
    },
    { group, name: "memory, peak of the last quarter", value: memory(last), unit: "MB" },
    {
      group,
      name: "memory, last quarter to second",
      value: memory(last) / memory(second),
      unit: "x",
      target: { at: "most", value: 1.15 },
    },
  ];
}

/** What a photo of the first block costs, and of the last. */
function costs(blocks: readonly Block[], what: string, of: (block: Block) => number): Figure[] {
  const samples = blocks.map(of);
  const [first = 0] = samples;
  const last = samples.at(-1) ?? 0;
  return [
    { group, name: `${what} per photo, first block`, value: first, unit: "ms", samples },
    { group, name: `${what} per photo, last block`, value: last, unit: "ms" },
    {
      group,
      name: `${what} per photo, last to first`,
      value: last / first,
      unit: "x",
      target: { at: "most", value: 1.15 },
    },
  ];
}

function faultsAndCounts(blocks: readonly Block[], real: number, faults: number): Figure[] {
  const photos = blocks.reduce((sum, block) => sum + block.photos, 0);
  const rates = blocks.map((block) => (block.photos / block.wallMs) * 1000);
  return [
    { group, name: "photos analysed, all stages", value: photos + real + warmUpPhotos, unit: "" },
    { group, name: "rate, median of the blocks", value: median(rates), unit: "photos/s", samples: rates },
    {
      group,
      name: "answers 5xx and errors in the log",
      value: faults,
      unit: "",
      target: { at: "most", value: 0 },
    },
  ];
}
