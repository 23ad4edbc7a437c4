import { stages as stageTree } from "@ocelli/contracts";
import { afterEach, expect, test } from "vitest";
import { copy, jpeg } from "./harness/bad-files.ts";
import { Client, readLines } from "./harness/client.ts";
import { metric, processMemory, serverFaults } from "./harness/inspection.ts";
import { dataDirectory, type OcelliProcess, removeFolders, startOcelli } from "./harness/ocelli-process.ts";
import { readProblem } from "./harness/problems.ts";

const callers = 1000;
// Models and the embedded database take some 1.3 GB at their peak; a thousand callers may not double that.
const maxMemory = 2.5e9;

let ocelli: OcelliProcess;

afterEach(async () => {
  await ocelli.end("SIGTERM");
  removeFolders();
});

async function start(env: NodeJS.ProcessEnv = {}): Promise<Client> {
  ocelli = await startOcelli(["up"], {
    OCELLI_DATA: dataDirectory(),
    OCELLI_EVENTS: "in-process",
    ...env,
  });
  return Client.signedUp(ocelli.address, "maria@example.org");
}

/** What one caller of `/classify` saw. */
interface Outcome {
  status: number;
  photoId?: unknown;
  /** Of the last line. */
  end?: unknown;
  reason?: string;
  retryAfter?: number;
}

async function classify(client: Client, bytes: Uint8Array<ArrayBuffer>): Promise<Outcome> {
  const response = await client.sendFile("/classify", bytes, "crowd.jpg");
  const { status, headers } = response;
  if (status !== 200) {
    const { reason } = await readProblem(response);
    return { status, reason, retryAfter: Number(headers.get("retry-after")) };
  }
  const lines = [];
  for await (const line of readLines(response)) lines.push(line);
  const [first, last] = [lines.at(0)?.data, lines.at(-1)?.data];
  return { status, photoId: field(first, "id"), end: field(last, "status") };
}

function field(data: unknown, name: string): unknown {
  return typeof data === "object" && data !== null ? Reflect.get(data, name) : undefined;
}

function expectBoundedMemory(): void {
  const memory = processMemory(ocelli.child.pid);
  if (memory) expect(memory.peak).toBeLessThan(maxMemory);
}

async function expectServing(client: Client, seed: number): Promise<void> {
  expect((await fetch(`${ocelli.address}/ready`)).status).toBe(200);
  const after = await classify(client, copy(await jpeg(seed)));
  expect(after).toMatchObject({ status: 200, end: "SUCCEEDED" });
  expect(await serverFaults(ocelli)).toEqual({ answers: 0, logged: [] });
}

test("1,000 callers with the same bytes all get every result of one analysis", async () => {
  const client = await start();
  const bytes = copy(await jpeg(1));
  const outcomes = await Promise.all(Array.from({ length: callers }, () => classify(client, bytes)));
  const [first] = outcomes;
  expect(first).toMatchObject({ status: 200, end: "SUCCEEDED" });
  expect(new Set(outcomes.map((outcome) => JSON.stringify(outcome)))).toEqual(
    new Set([JSON.stringify(first)]),
  );
  const { stages } = await client.photo(String(first?.photoId));
  expect(Object.values(stages).map(({ status, attempts }) => [status, attempts])).toEqual(
    stageTree.map(() => ["SUCCEEDED", 1]),
  );
  for (const model of ["vision", "face-detect-blazeface", "objects-nanodet-g", "ocr-detect"]) {
    const runs = await metric(ocelli.address, "ocelli_model_seconds_count", new RegExp(`model="${model}"`));
    expect(runs, model).toBe(1);
  }
  expectBoundedMemory();
  await expectServing(client, 2);
});

test("1,000 callers with different bytes: what fits is served, the rest is told when to come back", async () => {
  const client = await start({ INTERACTIVE_BACKLOG: "12", INGEST_QUEUE: "8" });
  const pictures = await Promise.all(
    Array.from({ length: callers }, async (_, seed) => copy(await jpeg(seed))),
  );
  const outcomes = await Promise.all(pictures.map((bytes) => classify(client, bytes)));
  const served = outcomes.filter(({ status }) => status === 200);
  const refused = outcomes.filter(({ status }) => status !== 200);
  expect(served.length).toBeGreaterThan(0);
  expect(new Set(served.map(({ end }) => end))).toEqual(new Set(["SUCCEEDED"]));
  expect(new Set(served.map(({ photoId }) => photoId)).size).toBe(served.length);
  expect(refused.length).toBeGreaterThan(callers / 2);
  for (const { status, reason, retryAfter } of refused) {
    expect([status, reason]).toEqual([429, expect.stringMatching(/^(ANALYSIS_BACKLOG|INGEST_QUEUE)_FULL$/)]);
    expect(retryAfter).toBeGreaterThan(0);
  }
  expectBoundedMemory();
  await expectServing(client, callers + 1);
});

test("1,000 detections at once: what fits is answered, the rest is told when to come back", async () => {
  const client = await start({ MAX_ACTIVE_DETECTIONS: "16", MAX_RAW_IMAGES: "8" });
  const pictures = await Promise.all(
    Array.from({ length: callers }, async (_, seed) => copy(await jpeg(seed))),
  );
  const answers = await Promise.all(
    pictures.map(async (bytes) => {
      const response = await client.sendFile("/detect/image", bytes, "crowd.jpg");
      const retryAfter = Number(response.headers.get("retry-after"));
      if (response.status === 200) return { status: 200, body: await response.text() };
      return { status: response.status, reason: (await readProblem(response)).reason, retryAfter };
    }),
  );
  expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
  for (const { status, reason, retryAfter } of answers.filter((answer) => answer.status !== 200)) {
    expect([status, reason]).toEqual([
      429,
      expect.stringMatching(/^(TOO_MANY_DETECTIONS|ANALYSIS_BUSY|ENGINE_OVERLOADED)$/),
    ]);
    expect(retryAfter).toBeGreaterThan(0);
  }
  expectBoundedMemory();
  await expectServing(client, callers + 1);
});
