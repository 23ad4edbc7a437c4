import type { DescMethod } from "@bufbuild/protobuf";
import fc, { type Arbitrary } from "fast-check";
import { Status } from "nice-grpc";
import { grpcAddress, type ServiceName } from "../harness/grpc-services.ts";
import { frame, type GrpcConnection, type GrpcOutcome, openGrpc } from "./grpc-client.ts";
import { messagesOf, pathOf, readMethods } from "./grpc-messages.ts";
import type { Caller } from "./placeholders.ts";
import type { World } from "./world.ts";

/** A call that was answered wrongly. */
export interface GrpcFinding {
  path: string;
  caller: Caller;
  /** What was sent, in base64. */
  frames: string[];
  headers: Record<string, string>;
  problems: string[];
}

/** What was called, and what came of it. */
export interface GrpcFuzzReport {
  calls: number;
  methods: number;
  /** Answers by status. */
  statuses: Record<string, number>;
  findings: GrpcFinding[];
}

interface Call {
  caller: Caller;
  frames: Uint8Array[];
  headers: Record<string, string>;
}

const maxMs = 10_000;
const atOnce = 4;
// Faults of a server; a status that says so must not come from anything that is sent.
const faults: ReadonlySet<number> = new Set([Status.UNKNOWN, Status.INTERNAL, Status.DATA_LOSS]);
const oddHeaders: ReadonlyArray<Record<string, string>> = [
  { authorization: "Bearer " },
  { authorization: "Bearer a.b.c" },
  { authorization: "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9." },
  { authorization: `Bearer ${"x".repeat(6000)}` },
  { authorization: "Basic Og==" },
  { "x-owner-id": "01890000-0000-7000-8000-000000000000", "ocelli-owner": "x" },
  { "grpc-timeout": "0n" },
  { "grpc-timeout": "1n" },
  { "grpc-timeout": "nonsense" },
  { "grpc-encoding": "gzip" },
  { "grpc-encoding": "nonsense" },
  { traceparent: "00-zz-zz-01" },
  { "some-bin": "@@@" },
];

/** Calls every method of every service with good, odd and broken messages. */
export async function fuzzGrpc(
  world: World,
  options: { seed: number; runs: number },
): Promise<GrpcFuzzReport> {
  const methods = readMethods();
  const connections = new Map<string, GrpcConnection>();
  const report: GrpcFuzzReport = { calls: 0, methods: methods.length, statuses: {}, findings: [] };
  const connection = (method: DescMethod) => {
    const service = method.parent.typeName.split(".")[1] as ServiceName; // ocelli.SERVICE.v1
    const found = connections.get(service) ?? openGrpc(grpcAddress(world.ocelli, service));
    connections.set(service, found);
    return found;
  };

  async function fuzz(method: DescMethod): Promise<void> {
    for (const call of fc.sample(callsOf(method, world), { seed: options.seed, numRuns: options.runs })) {
      const token = await world.tokenOf(call.caller);
      const headers = {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...call.headers,
      };
      const outcome = await connection(method).call(pathOf(method), call.frames, headers);
      report.calls += 1;
      const name = outcome.status === undefined ? "none" : (Status[outcome.status] ?? String(outcome.status));
      report.statuses[name] = (report.statuses[name] ?? 0) + 1;
      const problems = problemsOf(outcome, world.secretsOf(call.caller));
      if (problems.length === 0) continue;
      const frames = call.frames.map((each) => Buffer.from(each).toString("base64").slice(0, 2000));
      report.findings.push({
        path: pathOf(method),
        caller: call.caller,
        frames,
        headers: call.headers,
        problems,
      });
    }
  }

  const waiting = methods.filter(({ name }) => !ending.test(name));
  const last = methods.filter(({ name }) => ending.test(name));
  const work = async (queue: DescMethod[]) => {
    for (let next = queue.shift(); next; next = queue.shift()) await fuzz(next);
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, () => work(waiting)));
    await work(last);
  } finally {
    for (const each of connections.values()) each.close();
  }
  return report;
}

// What takes away the data and sessions that the others are about.
const ending = /^(Delete|Revoke|End|Logout|Change|Empty|Drop)/;

function problemsOf(outcome: GrpcOutcome, secrets: readonly string[]): string[] {
  const { status, message, isTyped, bytes, ms } = outcome;
  const problems: string[] = [];
  if (ms > maxMs) problems.push(`took ${Math.round(ms)} ms`);
  if (status === undefined) return [...problems, `no status: ${message}`];
  const said = `${Status[status]} ${message}`;
  if (transports.test(said)) return problems;
  if (faults.has(status)) problems.push(said);
  if (status !== Status.OK && !isTyped) problems.push(`no reason with ${said}`);
  problems.push(...secrets.filter((word) => bytes.includes(word)).map((word) => `tells ${word}`));
  return problems;
}

// What the transport says of frames and headers, before anything of ours is reached; INTERNAL is its word for some.
const transports =
  /^(CANCELLED|DEADLINE_EXCEEDED|UNIMPLEMENTED Receive|RESOURCE_EXHAUSTED Received|OUT_OF_RANGE|INTERNAL (Invalid grpc-timeout|Failed to decompress))/;

function callsOf(method: DescMethod, world: World): Arbitrary<Call> {
  const known = [world.knownTo("user"), world.knownTo("other")];
  const message = messagesOf(method.input, known);
  const sound =
    method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming"
      ? fc.array(message, { maxLength: 4 })
      : message.map((each) => [each]);
  const soundFrames = sound.map((all) => all.map((each): Uint8Array => frame(each)));
  const damaged = fc.tuple(message, fc.nat(), fc.integer({ min: 1, max: 255 })).map(([bytes, at, bits]) => {
    const changed = Buffer.from(bytes);
    if (changed.byteLength > 0)
      changed[at % changed.byteLength] = (changed[at % changed.byteLength] ?? 0) ^ bits;
    return [frame(changed)];
  });
  const frames: Arbitrary<Uint8Array[]> = fc.oneof(
    { weight: 8, arbitrary: soundFrames },
    { weight: 3, arbitrary: damaged },
    { weight: 2, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 60 }).map((bytes) => [frame(bytes)]) },
    {
      weight: 2,
      arbitrary: fc.tuple(message, fc.constantFrom(...brokenFrames)).map(([bytes, broken]) => broken(bytes)),
    },
  );
  return fc.record({
    caller: fc.constantFrom("nobody", "user", "user", "user", "other", "admin", "admin"),
    frames,
    headers: fc.oneof(
      { weight: 7, arbitrary: fc.constant({}) },
      { weight: 1, arbitrary: fc.constantFrom(...oddHeaders) },
    ),
  });
}

/** Framing that no library writes. */
const brokenFrames: ReadonlyArray<(message: Uint8Array) => Uint8Array[]> = [
  () => [],
  () => [Buffer.from([0, 0])],
  (message) => [frame(message, message.byteLength + 100)],
  (message) => [frame(message, 0xffffffff)],
  (message) => [frame(message, message.byteLength, 1)],
  (message) => [frame(message, message.byteLength, 255)],
  (message) => [frame(message), frame(message)],
  (message) => [frame(message), Buffer.from("garbage")],
  () => [frame(Buffer.alloc(5 * 1024 * 1024))],
  // A field of a thousand groups in each other, a varint without end, a length beyond the end.
  () => [frame(Buffer.alloc(2000, 0x0b))],
  () => [frame(Buffer.alloc(30, 0xff))],
  () => [frame(Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x07, 1]))],
  // Text that is no UTF-8.
  () => [frame(Buffer.from([0x0a, 4, 0xff, 0xfe, 0xc0, 0x80]))],
];
