import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { Client } from "./harness/client.ts";
import {
  type OcelliProcess,
  removeFolders,
  runOcelli,
  startOcelli,
  temporaryFolder,
} from "./harness/ocelli-process.ts";
import { photoBytes } from "./harness/photos.ts";

const next = "vision-next@test-2";
const settings = { OCELLI_DATA: temporaryFolder(), OCELLI_EVENTS: "in-process", OCELLI_MODELS: "" };
let ocelli: OcelliProcess;
let client: Client;
let active: string;

/** The starter pack with its picture model a second time, in another version. */
function packOfTwo(): string {
  const folder = temporaryFolder();
  cpSync(join(import.meta.dirname, "../models/starter"), folder, { recursive: true });
  const path = join(folder, "manifest.json");
  const manifest = z
    .looseObject({ models: z.array(z.looseObject({ id: z.string() })) })
    .parse(JSON.parse(readFileSync(path, "utf8")));
  const vision = manifest.models.find(({ id }) => id === "vision");
  const models = [...manifest.models, { ...vision, id: "vision-next", version: "test-2" }];
  writeFileSync(path, JSON.stringify({ ...manifest, models }));
  return folder;
}

beforeAll(async () => {
  settings.OCELLI_MODELS = packOfTwo();
  ocelli = await startOcelli(["up"], settings);
  client = await Client.signedUp(ocelli.address, "operator@example.org");
  for (const name of ["coffee.png", "chelsea.png"] as const)
    await client.analysed(await client.upload(photoBytes(name), name));
}, 120_000);

afterAll(async () => {
  await ocelli?.end("SIGTERM");
  removeFolders();
});

async function found(): Promise<unknown> {
  const answer = await client.request("/search?q=cup%20of%20coffee");
  expect(answer.status).toBe(200);
  return answer.json();
}

async function command(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await runOcelli(["search", ...words], settings);
  expect(code, stderr).toBe(0);
  return stdout;
}

test("another model is filled, compared, let answer, and the old one dropped, while searches are answered", async () => {
  const before = await found();
  [, active = ""] = /^(\S+) +active +2\/2/m.exec(await command("reindex", "models")) ?? [];
  expect(active).toMatch(/^vision@/);
  const filling = command("reindex", "--model", "vision-next");
  expect(await found()).toEqual(before);
  expect(await filling).toMatch(new RegExp(`^${next} +ready +2/2`, "m"));
  expect(await command("reindex", "compare", next)).toContain("100.0 %");
  expect(await command("reindex", "activate", next)).toMatch(new RegExp(`^${next} +active`, "m"));
  await expect.poll(found, { timeout: 10_000 }).toEqual(before);
  expect(await command("reindex", "drop", active)).toContain(`dropped ${active}`);
  expect(await command("reindex", "models")).not.toContain(active);
  expect(await found()).toEqual(before);
}, 60_000);

test("the index is built anew by a command that waits for it", async () => {
  const before = await found();
  expect(await command("rebuild")).toBe("2 documents built, 0 removed\n");
  expect(await found()).toEqual(before);
}, 60_000);

test("what cannot be done is said in one line", async () => {
  for (const [words, said] of [
    [["reindex", "--model", "no-such-model"], /no model of that id/],
    [["reindex", "drop", next], /answers/],
    [["reindex", "activate", "vision@none"], /model/],
  ] as const) {
    const { code, stderr } = await runOcelli(["search", ...words], settings);
    expect(code).toBe(1);
    expect(stderr.trim()).toMatch(said);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  }
}, 60_000);
