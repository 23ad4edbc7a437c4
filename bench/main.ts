import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { startEmbeddedDatabase } from "@ocelli/embedded-database";
import { removeFolders, temporaryFolder } from "../e2e/harness/ocelli-process.ts";
import { measureAccess } from "./access.ts";
import { defaultShape } from "./bare-loop.ts";
import { type BenchSize, type Figure, formatTable, fullSize, quickSize } from "./figures.ts";
import { measureGrowth } from "./growth.ts";
import { measureLatency } from "./latency.ts";
import { startMesh } from "./mesh.ts";
import { measurePeople } from "./people.ts";
import { measurePipeline } from "./pipeline.ts";
import { measureSearch } from "./search.ts";
import { measureSoak } from "./soak.ts";
import { measureStartUp } from "./start-up.ts";

const parts = ["pipeline", "stores", "access", "people", "search", "soak"] as const;
const usage =
  "usage: npm run bench -- [--quick] [--only=pipeline|stores|access|people|search|soak] [--photos=FOLDER, for the soak]";

/** Start-up, memory and pipeline on a mesh as `ocelli up` starts it. */
async function measureWhole(size: BenchSize): Promise<Figure[]> {
  const { figures, mesh } = await measureStartUp(temporaryFolder());
  try {
    return [...figures, ...(await measurePipeline(mesh, defaultShape(), size))];
  } finally {
    await mesh.process.end("SIGTERM");
  }
}

/** Latency and growth need the database in hand: the mesh gets an embedded one that this process runs. */
async function measureStores(size: BenchSize): Promise<Figure[]> {
  const database = await startEmbeddedDatabase();
  const mesh = await startMesh(temporaryFolder(), { DATABASE_URL: database.url }, "stores");
  try {
    const growth = await measureGrowth(mesh.process, database.url, size);
    return [
      ...(await measureLatency(mesh.process.address, database.url, mesh.client, size.requests)),
      ...growth,
    ];
  } finally {
    await mesh.process.end("SIGTERM");
    await database.close();
  }
}

function save(figures: readonly Figure[], report: object): string {
  const folder = fileURLToPath(new URL("../.tmp/bench/", import.meta.url));
  mkdirSync(folder, { recursive: true });
  const file = `${folder}${new Date().toISOString().replaceAll(":", "-")}.json`;
  writeFileSync(file, `${JSON.stringify({ ...report, figures }, null, 2)}\n`);
  return file;
}

const args = process.argv.slice(2);
const only = parts.find((part) => args.includes(`--only=${part}`));
const photosOption = "--photos=";
const folder = args.find((arg) => arg.startsWith(photosOption))?.slice(photosOption.length);
const known = new Set(["--quick", ...parts.map((part) => `--only=${part}`)]);
if (args.some((arg) => !known.has(arg) && !arg.startsWith(photosOption))) {
  console.error(usage);
  process.exit(2);
}
const wants = (part: (typeof parts)[number]) => only === undefined || only === part;
const size = args.includes("--quick") ? quickSize : fullSize;
const startedAt = performance.now();
const machine = {
  cores: availableParallelism(),
  cpu: cpus()[0]?.model ?? "",
  // Above the number of cores' worth of this bench's own work, the figures say little.
  loadBefore: loadavg()[0],
};
console.log(
  `${machine.cores} cores, ${machine.cpu}, load ${machine.loadBefore?.toFixed(1)} before the start`,
);
try {
  const figures = [
    ...(wants("pipeline") ? await measureWhole(size) : []),
    ...(wants("stores") ? await measureStores(size) : []),
    ...(wants("access") ? await measureAccess(temporaryFolder(), size) : []),
    // A hundred thousand faces are stored and regrouped on both databases: only when asked for.
    ...(only === "people" ? await measurePeople(size) : []),
    ...(wants("search") ? await measureSearch(size) : []),
    // Half an hour: only when asked for.
    ...(only === "soak" ? await measureSoak(size, folder) : []),
  ];
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(formatTable(figures));
  const file = save(figures, { at: new Date().toISOString(), node: process.version, machine, size, seconds });
  console.log(`${seconds.toFixed(0)} s; ${file}`);
} finally {
  removeFolders();
}
