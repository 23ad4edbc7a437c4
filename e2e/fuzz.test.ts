import { afterAll, beforeAll, expect, test } from "vitest";
import { type MalformedImage, malformedImages } from "../scripts/malformed-images/malformed-images.ts";
import { earlierRequests } from "./fuzz/earlier-findings.ts";
import { fuzzGrpc } from "./fuzz/grpc-fuzz.ts";
import { readOpenApi } from "./fuzz/openapi.ts";
import { fuzzPictures } from "./fuzz/picture-fuzz.ts";
import { picturePlan } from "./fuzz/plan.ts";
import { fuzzRoutes } from "./fuzz/route-fuzz.ts";
import { answerBesideSlowOnes, fuzzWire } from "./fuzz/wire-fuzz.ts";
import { openWorld, type World } from "./fuzz/world.ts";
import { serverFaults } from "./harness/inspection.ts";
import { dataDirectory, removeFolders } from "./harness/ocelli-process.ts";
import { parseProblem } from "./harness/problems.ts";
import { sendRaw } from "./harness/raw-http.ts";

// The same in every run, so that what fails here fails again; `npm run test:fuzz` takes others.
const seed = 2026;
const data = dataDirectory();
let world: World;

beforeAll(async () => {
  world = await openWorld(data);
});
afterAll(async () => {
  await world?.ocelli.end("SIGTERM");
  removeFolders();
});

test("HTTP that no library sends is answered with a problem or not at all", async () => {
  const token = (await world.tokenOf("user")) ?? "";
  const report = await fuzzWire(world.ocelli.address, { seed, runs: 150, token });
  expect(report.findings).toEqual([]);
  expect(report.requests).toBeGreaterThan(150);
  // Damage that nobody notices would prove nothing, nor would damage that nothing survives.
  expect(report.statuses["400"]).toBeGreaterThan(20);
  expect(report.statuses["200"]).toBeGreaterThan(2);
});

test.each([
  ["without its key", "Sec-WebSocket-Version: 13"],
  ["of an unknown version", "Sec-WebSocket-Version: 99\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
])("a WebSocket handshake %s is refused with a problem", async (_name, headers) => {
  const token = await world.tokenOf("user");
  const head = `GET /api/v1/ws HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}`;
  const request = `${head}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${headers}\r\n\r\n`;
  const answer = await sendRaw(world.ocelli.address, request);
  expect(answer.status).toBe(400);
  expect(answer.head).toMatch(/^sec-websocket-version: 13$/im);
  expect(parseProblem(400, answer.body).reason).toBe("MALFORMED_HTTP");
});

test("a hundred connections that never finish keep nobody waiting", async () => {
  expect(await answerBesideSlowOnes(world.ocelli.address, 100)).toBeLessThan(5000);
});

test("malformed pictures are refused on every way in and leave nothing, or become photos whose stages end", async () => {
  const images: MalformedImage[] = [];
  for await (const image of malformedImages()) images.push(image);
  const report = await fuzzPictures(world, data, picturePlan(images, { seed, count: 64, stored: 4 }));
  expect(report.findings).toEqual([]);
  expect(report.sent).toBe(68);
  expect(report.stored).toBe(4);
}, 240_000);

test("every gRPC method ends every call, with a reason where it refuses", async () => {
  const report = await fuzzGrpc(world, { seed, runs: 6 });
  expect(report.findings).toEqual([]);
  expect(report.calls).toBe(report.methods * 6);
  expect(report.statuses.OK).toBeGreaterThan(20);
  expect(report.statuses.INVALID_ARGUMENT).toBeGreaterThan(40);
}, 120_000);

test("every route answers as documented, tells nobody of others' data and is never at fault", async () => {
  const api = await readOpenApi(world.ocelli.address);
  const report = await fuzzRoutes(world, api, { seed, runs: 4, earlier: earlierRequests });
  expect(report.findings).toEqual([]);
  expect(report.requests).toBeGreaterThan(api.operations.length * 3);
  // Requests that are all refused at the door would prove nothing.
  expect(report.succeeded.size).toBeGreaterThan(api.operations.length / 4);
}, 240_000);

test("after all that, the server is alive and logged no fault", async () => {
  expect((await fetch(`${world.ocelli.address}/ready`)).status).toBe(200);
  expect(await serverFaults(world.ocelli)).toEqual({ answers: 0, logged: [] });
});
