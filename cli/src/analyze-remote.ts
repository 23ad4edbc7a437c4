import { openAsBlob } from "node:fs";
import { basename } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { z } from "zod";
import { emptyReport, type PictureReport } from "./picture-report.ts";
import { StartupError } from "./startup-error.ts";

/** A running Ocelli and the right to use it. */
export interface Server {
  url: string;
  token: string;
}

const box = z.object({ x: z.number(), y: z.number(), width: z.number(), height: z.number() });
const labels = z.array(z.object({ label: z.string(), score: z.number() }));
const lineSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("caption"),
    data: z.object({ text: z.string(), source: z.string(), score: z.number() }),
  }),
  z.object({
    type: z.literal("scene"),
    data: z.object({ labels, indoor: z.boolean().nullable(), unsure: z.boolean(), tags: labels.default([]) }),
  }),
  z.object({
    type: z.literal("objects"),
    data: z.array(z.object({ label: z.string(), score: z.number(), box })),
  }),
  z.object({
    type: z.literal("faces"),
    data: z.array(z.object({ box, score: z.number(), quality: z.number() })),
  }),
  z.object({
    type: z.literal("text"),
    data: z.array(z.object({ text: z.string(), score: z.number(), box })),
  }),
  z.object({
    type: z.literal("colors"),
    data: z.array(z.object({ name: z.string(), hex: z.string(), share: z.number() })),
  }),
  z.object({
    type: z.literal("error"),
    data: z.object({ stage: z.string().default(""), reason: z.string() }),
  }),
]);
const problemSchema = z.object({ detail: z.string(), reason: z.string() });

/** Has a running server classify one file (which also stores it there) and collects the results as they stream in. */
export async function analyzeOnServer(server: Server, file: string): Promise<PictureReport> {
  const startedAt = performance.now();
  const form = new FormData();
  form.set("file", await openAsBlob(file), basename(file));
  const response = await fetch(`${server.url.replace(/\/$/, "")}/api/v1/classify`, {
    method: "POST",
    headers: { authorization: `Bearer ${server.token}` },
    body: form,
  });
  if (!response.ok || !response.body) throw await toError(file, response);
  const report = emptyReport(file);
  // The web and node types describe the same stream differently.
  const body = Readable.fromWeb(response.body as import("node:stream/web").ReadableStream);
  for await (const line of createInterface({ input: body })) addLine(report, line);
  report.elapsedMs = performance.now() - startedAt;
  return report;
}

function addLine(report: PictureReport, text: string): void {
  const parsed = lineSchema.safeParse(JSON.parse(text));
  // Lines of kinds this version does not print (photo, index, done) are skipped.
  if (!parsed.success) return;
  const line = parsed.data;
  if (line.type === "error") report.errors.push(line.data);
  else if (line.type === "scene") {
    report.scene = line.data;
    report.tags = line.data.tags;
  } else Object.assign(report, { [line.type]: line.data });
}

async function toError(file: string, response: Response): Promise<StartupError> {
  const problem = problemSchema.safeParse(await response.json().catch(() => undefined));
  const why = problem.success ? `${problem.data.detail} (${problem.data.reason})` : `HTTP ${response.status}`;
  return new StartupError(`${file}: ${why}`);
}
