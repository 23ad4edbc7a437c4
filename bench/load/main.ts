import { z } from "zod";
import { serverFaults } from "../../e2e/harness/inspection.ts";
import { removeFolders, temporaryFolder } from "../../e2e/harness/ocelli-process.ts";
import { analyseThroughHttp, type Mesh, signUp, startMesh } from "../mesh.ts";
import { createRandom, makePictures, type Picture } from "../pictures.ts";
import type { Offer } from "./arrivals.ts";
import { createScenario, type LoadUser } from "./scenario.ts";
import { findCapacity, type LoadStage, runStage, tellStage } from "./stages.ts";

// What a mixed load does to a running system: where its capacity lies, and what becomes of the useful answers when twice as
// much, and four times as much, is asked of it. Server and generator share the cores of this machine.

const usage = "usage: npm run load -- [--seconds=15] [--users=4] [--seed=1] [--rate=N, for one rate only]";

function numberOf(name: string, otherwise: number): number {
  const given = process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
  if (given === undefined) return otherwise;
  const value = Number(given);
  if (Number.isInteger(value) && value > 0) return value;
  console.error(usage);
  process.exit(2);
}

const known = ["--seconds=", "--users=", "--seed=", "--rate="];
if (process.argv.slice(2).some((arg) => !known.some((prefix) => arg.startsWith(prefix)))) {
  console.error(usage);
  process.exit(2);
}
const seconds = numberOf("seconds", 15);
const userCount = numberOf("users", 4);
const seed = numberOf("seed", 1);
/** 0 finds the capacity. */
const rate = numberOf("rate", 0);

/** Photos that each user has before the load. */
const photosPerUser = 12;
/** Pictures to send, made beforehand: more than the uploads and analyses of all stages. */
const picturesToSend = 600;

/** The first is variety from real photos; later ones are the same with other last bytes, so that none is known yet. */
function* endless(pictures: readonly Picture[]): Generator<Picture> {
  for (let round = 0; ; round += 1) {
    for (const { name, bytes } of pictures) {
      // After the end of a JPEG anything may follow.
      const tail = new TextEncoder().encode(`round ${round}`);
      const longer = new Uint8Array(bytes.length + tail.length);
      longer.set(bytes);
      longer.set(tail, bytes.length);
      yield { name, bytes: round === 0 ? bytes : longer };
    }
  }
}

async function makeUsers(mesh: Mesh): Promise<LoadUser[]> {
  const users: LoadUser[] = [];
  for (let index = 0; index < userCount; index += 1) {
    const client = await signUp(mesh.process, `load-${index}`);
    await analyseThroughHttp(client, await makePictures(photosPerUser, seed * 1000 + index));
    const photoIds = (await client.photos()).map(({ id }) => id);
    users.push({ token: client.token, photoIds });
  }
  return users;
}

function summary(peak: LoadStage, stages: readonly LoadStage[]): void {
  console.log(`\npeak: ${peak.good.toFixed(1)} good answers/s (${peak.name})`);
  for (const stage of stages) {
    const share = (value: number) => `${((100 * value) / stage.offered).toFixed(0)} %`;
    console.log(
      `${stage.name}: good ${stage.good.toFixed(1)}/s = ${((100 * stage.good) / peak.good).toFixed(0)} % of peak; ` +
        `shed ${share(stage.shed)}, late ${share(stage.late)}, failed ${share(stage.failed)}; memory ${stage.memory.at(0)?.toFixed(0)} -> ${Math.max(...stage.memory).toFixed(0)} MB`,
    );
  }
}

/** Finds the capacity, then offers multiples of it. */
async function measureCapacity(pid: number, offer: Omit<Offer, "rate">): Promise<void> {
  const ramp = await findCapacity(pid, offer);
  const peak = ramp.reduce((best, stage) => (stage.good > best.good ? stage : best));
  const beyond: LoadStage[] = [];
  for (const times of [1, 2, 4, 0.5]) {
    const stage = await runStage(`${times}x capacity`, pid, { ...offer, rate: times * peak.good });
    tellStage(stage);
    beyond.push(stage);
  }
  summary(peak, beyond);
}

/** What log lines say, without ids and times, with counts. */
function messagesOf(lines: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of lines) {
    const { msg, reason, err } = logLineSchema.parse(JSON.parse(line));
    const message = [msg, reason, err?.message].filter((part) => part !== undefined).join(": ");
    counts.set(message, (counts.get(message) ?? 0) + 1);
  }
  return counts;
}

const logLineSchema = z.object({
  msg: z.string().optional(),
  reason: z.string().optional(),
  err: z.object({ message: z.string() }).optional(),
});

const mesh = await startMesh(temporaryFolder(), { AUTH_ACCESS_TOKEN_LIFETIME: "60m" }, "load");
try {
  const users = await makeUsers(mesh);
  const random = createRandom(seed);
  const pictures = endless(await makePictures(picturesToSend / 10, seed + 7));
  const offer: Omit<Offer, "rate"> = {
    ...{ baseUrl: mesh.process.address, users, seconds, random },
    kinds: createScenario(pictures, random),
  };
  const pid = mesh.process.child.pid ?? 0;
  if (rate > 0) tellStage(await runStage(`${rate}/s`, pid, { ...offer, rate }));
  else await measureCapacity(pid, offer);
  const { logged } = await serverFaults(mesh.process);
  console.log(`errors in the server's log: ${logged.length}`);
  for (const [message, count] of messagesOf(logged)) console.log(`  ${count} x ${message}`);
} finally {
  await mesh.process.end("SIGTERM");
  removeFolders();
}
