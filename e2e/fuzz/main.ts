import { parseArgs } from "node:util";
import { openDecoders } from "../../scripts/malformed-images/decoders.ts";
import { type MalformedImage, malformedImages } from "../../scripts/malformed-images/malformed-images.ts";
import { serverFaults } from "../harness/inspection.ts";
import { removeFolders, temporaryFolder } from "../harness/ocelli-process.ts";
import { earlierRequests } from "./earlier-findings.ts";
import { fuzzGrpc } from "./grpc-fuzz.ts";
import { readOpenApi } from "./openapi.ts";
import { fuzzPictures, type PictureRoute, pictureRoutes } from "./picture-fuzz.ts";
import { fuzzRoutes } from "./route-fuzz.ts";
import { answerBesideSlowOnes, fuzzWire } from "./wire-fuzz.ts";
import { openWorld, type World } from "./world.ts";

// Asks for as many minutes as it is told, with a new seed every round; every malformed picture takes every way in turn.
const picturesOfRound = 250;
const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
  },
});
const [minutes, firstSeed] = [Number(values.minutes), Number(values.seed)];
if (!(minutes > 0 && Number.isSafeInteger(firstSeed) && firstSeed >= 0))
  throw new Error("use --minutes=N and --seed=N");

const until = Date.now() + minutes * 60_000;
let found = 0;
// A failure that nobody awaits would end a server.
process.on("unhandledRejection", (error) => tell("an unhandled rejection", [String(error)]));

function tell(what: string, findings: readonly unknown[], summary = ""): void {
  found += findings.length;
  process.stdout.write(`${what}: ${findings.length} findings ${summary}\n`);
  for (const finding of findings) process.stdout.write(`  ${JSON.stringify(finding)}\n`);
}

async function decodeAll(images: readonly MalformedImage[]): Promise<void> {
  const decoders = await openDecoders(new Date());
  const bad = [];
  for (const image of images) {
    const verdict = await decoders.judge(image);
    if (verdict.problems.length > 0) bad.push(verdict);
  }
  await decoders.close();
  tell("decoders", bad, `in ${images.length} pictures`);
}

async function askOnce(
  world: World,
  data: string,
  seed: number,
  pictures: ReadonlyArray<readonly [MalformedImage, PictureRoute]>,
): Promise<void> {
  const { address } = world.ocelli;
  const api = await readOpenApi(address);
  await world.renew();
  const wire = await fuzzWire(address, { seed, runs: 500, token: (await world.tokenOf("user")) ?? "" });
  tell("HTTP", wire.findings, JSON.stringify(wire.statuses));
  const slowMs = await answerBesideSlowOnes(address, 300);
  tell("slow connections", slowMs > 5000 ? [slowMs] : [], `${Math.round(slowMs)} ms`);
  const sent = await fuzzPictures(world, data, pictures);
  tell("pictures", sent.findings, `in ${sent.sent}, ${sent.stored} stored`);
  const grpc = await fuzzGrpc(world, { seed, runs: 20 });
  tell("gRPC", grpc.findings, JSON.stringify(grpc.statuses));
  const routes = await fuzzRoutes(world, api, { seed, runs: 20, earlier: earlierRequests });
  tell("routes", routes.findings, `in ${routes.requests} requests, ${JSON.stringify(routes.answers)}`);
  const faults = await serverFaults(world.ocelli);
  tell("faults that the server logged", [
    ...faults.logged,
    ...(faults.answers > 0 ? [`${faults.answers} answers`] : []),
  ]);
}

for (let round = 0; Date.now() < until; round++) {
  const seed = firstSeed + round;
  process.stdout.write(`\nround ${round + 1}, seed ${seed}\n`);
  const images: MalformedImage[] = [];
  for await (const image of malformedImages(seed)) images.push(image);
  await decodeAll(images);
  const data = temporaryFolder();
  // A fresh system each round: requests have taken from the last what they are about.
  const world = await openWorld(data);
  try {
    const first = round * picturesOfRound;
    const pictures = Array.from(
      { length: picturesOfRound },
      (_, index): readonly [MalformedImage, PictureRoute] => {
        const [picture, route] = [
          images[((first + index) * 31) % images.length],
          pictureRoutes[(first + index) % pictureRoutes.length],
        ];
        if (!picture || !route) throw new Error("there are no pictures");
        return [picture, route];
      },
    );
    await askOnce(world, data, seed, pictures);
  } finally {
    await world.ocelli.end("SIGTERM");
  }
}
removeFolders();
process.stdout.write(`\n${found} findings\n`);
process.exitCode = found === 0 ? 0 : 1;
