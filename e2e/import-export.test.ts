import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { copyFile, mkdir, readdir, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { Client } from "./harness/client.ts";
import {
  dataDirectory,
  type OcelliProcess,
  removeFolders,
  runOcelli,
  startOcelli,
  temporaryFolder,
} from "./harness/ocelli-process.ts";
import { differentPictures, photoBytes, photoPath } from "./harness/photos.ts";
import { outcomeOf } from "./harness/problems.ts";
import { readZip } from "./harness/zip.ts";

let ocelli: OcelliProcess;
let client: Client;
let data: string;
let folder: string;
let env: NodeJS.ProcessEnv;

const hashOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const run = (...args: string[]) => runOcelli(["import", folder, ...args], env);
const reportSchema = z.object({
  isSound: z.boolean(),
  images: z.number(),
  files: z.number(),
  counts: z.record(z.string(), z.object({ found: z.number(), repaired: z.number() })),
  findings: z.array(z.object({ kind: z.string(), sha256: z.string(), isRepaired: z.boolean() })),
});

beforeAll(async () => {
  data = dataDirectory();
  folder = temporaryFolder();
  ocelli = await startOcelli(["up"], { OCELLI_DATA: data, OCELLI_EVENTS: "in-process", OCELLI_WORKERS: "1" });
  client = await Client.signedUp(ocelli.address, "import@example.org");
  const answer = await client.post("/api-keys", { name: "import", scopes: ["photos:read", "photos:write"] });
  const { secret } = z.object({ secret: z.string() }).parse(await answer.json());
  env = { OCELLI_URL: ocelli.address, OCELLI_API_KEY: secret };
  const [one = new Uint8Array(), two = new Uint8Array()] = await differentPictures(2);
  await mkdir(join(folder, "2024", "Über den Bergen"), { recursive: true });
  await copyFile(photoPath("rocket.jpg"), join(folder, "rocket.jpg"));
  await copyFile(photoPath("rocket.jpg"), join(folder, "2024", "the same.JPG"));
  await writeFile(join(folder, "2024", "Über den Bergen", "1.jpg"), one);
  await writeFile(join(folder, "2024", "1.jpg"), two);
  await writeFile(join(folder, "notes.txt"), "no picture");
  await symlink(join(folder, "rocket.jpg"), join(folder, "link.jpg"));
  await writeFile(
    join(folder, "2024", "large.jpg"),
    Buffer.concat([photoBytes("rocket.jpg"), randomBytes(52_000_000)]),
  );
});
afterAll(async () => {
  await ocelli?.end("SIGKILL");
  removeFolders();
});

test("a dry run sends nothing", async () => {
  const { code, stdout } = await run("--dry-run");
  expect([code, stdout.trim().split("\n").at(-1)]).toEqual([
    0,
    "4 would be sent, 1 there already, 0 failed, 1 no pictures, 1 links passed over",
  ]);
  expect(await client.photos()).toEqual([]);
});

test("a folder is sent once, into an album, large files in pieces", async () => {
  const first = await run("--album", "Berge");
  expect([first.code, first.stdout.trim().split("\n").at(-1)]).toEqual([
    0,
    "4 sent, 1 there already, 0 failed, 1 no pictures, 1 links passed over",
  ]);
  const second = await run("--album", "Berge");
  expect([second.code, second.stdout.trim().split("\n").at(-1)]).toEqual([
    0,
    "0 sent, 5 there already, 0 failed, 1 no pictures, 1 links passed over",
  ]);
  expect(await client.photos()).toHaveLength(4);
  const albums = await (await client.request("/albums")).json();
  expect(albums).toMatchObject({ items: [{ name: "Berge", photoCount: 4 }] });
});

test("a broken picture is named and makes the exit code 1; the others are sent", async () => {
  await writeFile(join(folder, "broken.jpg"), "no jpeg at all");
  const { code, stdout, stderr } = await run();
  expect(code).toBe(1);
  expect(stderr).toMatch(/failed +\S+broken\.jpg: .*UNSUPPORTED_MEDIA_TYPE/);
  expect(stdout).toMatch(/0 sent, 5 there already, 1 failed/);
  await rm(join(folder, "broken.jpg"));
});

test("wrong keys, folders and numbers are one line", async () => {
  const cases: [string[], NodeJS.ProcessEnv, RegExp][] = [
    [[], { OCELLI_API_KEY: "" }, /an API key is needed/],
    [[], { OCELLI_API_KEY: "ock_wrong" }, /API key/i],
    [["--concurrency", "0"], {}, /--concurrency/],
  ];
  for (const [args, changes, message] of cases) {
    const { code, stderr } = await runOcelli(["import", folder, ...args], { ...env, ...changes });
    expect([code, stderr.trim().split("\n").length]).toEqual([1, 1]);
    expect(stderr).toMatch(message);
  }
});

test("a watched folder is sent as it fills, and Ctrl-C ends it cleanly", async () => {
  const main = join(import.meta.dirname, "../cli/src/main.ts");
  const child: ChildProcess = spawn(process.execPath, [main, "import", folder, "--watch"], {
    env: { ...process.env, ...env },
  });
  let output = "";
  child.stdout?.on("data", (text) => (output += text));
  child.stderr?.on("data", (text) => (output += text));
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const soon = { timeout: 20_000, interval: 100 };
  await expect.poll(() => output, soon).toMatch(/watching/);
  const [picture = new Uint8Array()] = await differentPictures(1, 20);
  await writeFile(join(folder, "late.jpg"), picture);
  await expect.poll(() => output, soon).toMatch(/sent +\S+late\.jpg/);
  child.kill("SIGINT");
  expect(await ended).toBe(0);
  expect((await client.photos()).map(({ sha256 }) => sha256)).toContain(hashOf(picture));
});

test("an export holds the very bytes and everything known, in the folders of albums", async () => {
  const photos = await client.photos();
  for (const { id } of photos) await client.analysed(id);
  const files = await readZip(await client.request("/export"));
  const originals = [...files].filter(([path]) => !path.endsWith(".json"));
  expect(originals.map(([path]) => path).sort()).toEqual([
    "albums/Berge/1 (2).jpg",
    "albums/Berge/1.jpg",
    "albums/Berge/large.jpg",
    expect.stringMatching(/^albums\/Berge\/(rocket\.jpg|the same\.JPG)$/),
    "photos/late.jpg",
  ]);
  expect(originals.map(([, bytes]) => hashOf(bytes)).sort()).toEqual(
    photos.map(({ sha256 }) => sha256).sort(),
  );
  for (const [path, bytes] of originals) {
    const sidecar = JSON.parse(files.get(`${path}.json`)?.toString() ?? "");
    expect(sidecar.sha256).toBe(hashOf(bytes));
    expect(sidecar).toEqual(await (await client.request(`/photos/${sidecar.id}`)).json());
  }
  expect(JSON.parse(files.get("export.json")?.toString() ?? "")).toEqual({ photos: 5, failed: [] });
});

test("an export of one album, without originals; foreign albums do not exist", async () => {
  const { items } = z
    .object({ items: z.array(z.object({ id: z.string() })) })
    .parse(await (await client.request("/albums")).json());
  const path = `/export?albumId=${items[0]?.id}&originals=false`;
  const files = await readZip(await client.request(path));
  expect([...files.keys()].filter((each) => /^Berge\/.*\.json$/.test(each))).toHaveLength(4);
  expect(files.size).toBe(5);
  const other = await Client.signedUp(ocelli.address, "other-export@example.org");
  expect(await outcomeOf(other.request(path))).toBe("404 ALBUM_NOT_FOUND");
  expect([...(await readZip(await other.request("/export"))).keys()]).toEqual(["export.json"]);
});

test("verify finds what is wrong with files and repairs what can be, beside the running service", async () => {
  const verify = async (...args: string[]) => {
    const { code, stdout, stderr } = await runOcelli(["library", "verify", "--json", ...args], {
      OCELLI_DATA: data,
    });
    expect(stderr).toBe("");
    return { code, report: reportSchema.parse(JSON.parse(stdout)) };
  };
  const sound = await verify();
  expect([sound.code, sound.report.images, sound.report.files]).toEqual([0, 5, 15]);
  const photos = await client.photos();
  const at = (sha256: string) => join(data, "blobs", sha256.slice(0, 2), sha256.slice(2, 4));
  const [lost = "", changed = "", faded = ""] = photos.map(({ sha256 }) => sha256);
  await rm(join(at(lost), lost));
  await writeFile(join(at(changed), changed), "something else");
  await rm(join(at(faded), `${faded}.preview.jpg`));
  const orphan = "ab12".padEnd(64, "0");
  await mkdir(at(orphan), { recursive: true });
  for (const name of [orphan, `${orphan}.preview.jpg`]) {
    await writeFile(join(at(orphan), name), "x");
    const twoHoursAgo = new Date(Date.now() - 2 * 3_600_000);
    await utimes(join(at(orphan), name), twoHoursAgo, twoHoursAgo);
  }
  const fresh = "cd34".padEnd(64, "0");
  await mkdir(at(fresh), { recursive: true });
  await writeFile(join(at(fresh), fresh), "x");
  const expected = {
    "missing-original": lost,
    "wrong-hash": changed,
    "missing-rendition": faded,
    "orphan-files": orphan,
  };
  const found = await verify();
  expect(found.code).toBe(1);
  expect(Object.fromEntries(found.report.findings.map(({ kind, sha256 }) => [kind, sha256]))).toEqual(
    expected,
  );
  const repaired = await verify("--repair");
  expect(repaired.code).toBe(1);
  expect(repaired.report.counts).toMatchObject({
    "missing-original": { found: 1, repaired: 0 },
    "wrong-hash": { found: 1, repaired: 0 },
    "missing-rendition": { found: 1, repaired: 1 },
    "orphan-files": { found: 1, repaired: 1 },
  });
  expect(await readdir(at(faded))).toHaveLength(3);
  expect(await readdir(at(orphan))).toEqual([]);
  expect(await readdir(at(fresh))).toEqual([fresh]);
  const left = await runOcelli(["library", "verify"], { OCELLI_DATA: data });
  expect(left.code).toBe(1);
  expect(left.stdout).toMatch(/not all is well/);
});

test("a photo whose original is lost is named in the export and keeps no other from it", async () => {
  const files = await readZip(await client.request("/export"));
  const summary = JSON.parse(files.get("export.json")?.toString() ?? "");
  expect(summary).toMatchObject({ photos: 4, failed: [{ reason: "INTERNAL" }] });
});
