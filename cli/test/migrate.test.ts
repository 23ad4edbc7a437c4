import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "@ocelli/chassis";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { type NativePostgres, startNativePostgres } from "@ocelli/testkit";
import { Command } from "commander";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addMigrateCommand } from "../src/commands/migrate.ts";
import { migrateStores, type StoreName, type StoreReport } from "../src/migrate.ts";
import { environmentOf, ocelli } from "./ocelli-process.ts";

const stores: readonly StoreName[] = ["auth", "library", "captioning", "face", "scene", "search"];

let native: NativePostgres;
let embedded: EmbeddedDatabase;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "ocelli-migrate-"));
  [native, embedded] = await Promise.all([startNativePostgres(), startEmbeddedDatabase()]);
});
afterAll(async () => {
  await Promise.all([native.stop(), embedded.close()]);
  rmSync(folder, { recursive: true, force: true });
});

/** Migrates in this process, or with `check` only looks. */
async function migrateAll(env: NodeJS.ProcessEnv, services = stores, check = false): Promise<StoreReport[]> {
  const reports: StoreReport[] = [];
  await migrateStores({
    services,
    check,
    database: undefined,
    env: { OCELLI_DATA: join(folder, "none"), ...env },
    onReport: (report) => void reports.push(report),
  });
  return reports;
}

async function runSql(url: string, statement: string): Promise<void> {
  const { db, close } = openDatabase<Record<string, never>>({ url, schema: "public" });
  await sql.raw(statement).execute(db);
  await close();
}

describe.each(["native", "embedded"] as const)("%s Postgres", (kind) => {
  const url = () => (kind === "native" ? native.url : embedded.url);

  test("looks without touching, migrates from empty, then finds nothing to do", async () => {
    const env = { DATABASE_URL: url() };
    const before = await migrateAll(env, stores, true);
    expect(before.map(({ service }) => service)).toEqual(stores);
    for (const { pending, newest } of before) expect(pending.at(-1)).toBe(newest);
    expect(await migrateAll(env, stores, true)).toEqual(before);
    const done = await migrateAll(env);
    expect(done.map(({ applied }) => applied)).toEqual(before.map(({ pending }) => pending));
    for (const report of [...(await migrateAll(env)), ...(await migrateAll(env, stores, true))])
      expect(report).toMatchObject({ applied: [], pending: [] });
  });

  test("a schema of a newer version is left alone, whether one looks or migrates", async () => {
    const env = { DATABASE_URL_FACE: url() };
    await migrateAll(env, ["face"]);
    await runSql(url(), `insert into face.migrations values ('999_future', now()::text)`);
    for (const check of [true, false])
      await expect(migrateAll(env, ["face"], check)).rejects.toThrow(/schema of face .*newer.*999_future/);
    await runSql(url(), `delete from face.migrations where name = '999_future'`);
    await migrateAll(env, ["face"]);
  });
});

test("several at once take turns: each migration is applied once", async () => {
  const env = { DATABASE_URL: await native.createDatabase("together") };
  const reports = (await Promise.all([1, 2, 3].map(() => migrateAll(env, ["library", "face"])))).flat();
  for (const service of ["library", "face"]) {
    const applied = reports.filter((report) => report.service === service && report.applied.length > 0);
    expect(applied).toHaveLength(1);
  }
  expect(await migrateAll(env, ["library", "face"], true)).toMatchObject([{ pending: [] }, { pending: [] }]);
});

test("every store can have a database of its own", async () => {
  const env = {
    DATABASE_URL: "postgresql://nobody@127.0.0.1:1/none",
    DATABASE_URL_SCENE: await native.createDatabase("scene_alone"),
  };
  expect((await migrateAll(env, ["scene"]))[0]?.applied.length).toBeGreaterThan(0);
  await expect(migrateAll(env, ["face"])).rejects.toThrow(
    /the database of face cannot be used \(.*ECONNREFUSED/,
  );
});

test("no store is made up where none is named", async () => {
  await expect(migrateAll({}, ["face"])).rejects.toThrow(
    /no store of face.*DATABASE_URL_FACE or DATABASE_URL/,
  );
  mkdirSync(join(folder, "empty"));
  await expect(migrateAll({ OCELLI_DATA: join(folder, "empty") }, ["face"])).rejects.toThrow(
    /no store of face/,
  );
});

test("the command asks for names of stores, or for all of them", async () => {
  const run = (...args: string[]) => {
    const program = new Command().exitOverride();
    addMigrateCommand(program);
    return program.parseAsync(["migrate", ...args], { from: "user" });
  };
  await expect(run()).rejects.toThrow(/give names of services \(auth, .*\) or --all/);
  await expect(run("scene", "--all")).rejects.toThrow(/either names of services or --all/);
  await expect(run("scene", "gateway")).rejects.toThrow(/unknown service "gateway"/);
});

test("the command: what it prints, how it exits, and a service that waits for it", async () => {
  const env = { ...environmentOf(folder), DATABASE_URL_SCENE: await native.createDatabase("command") };
  const serve = { ...env, MIGRATE_ON_START: "false", SCENE_SERVICE_SECRET: "x".repeat(32), SCENE_PORT: "0" };
  const [pending, refused, unreachable] = await Promise.all([
    ocelli(env, ["migrate", "scene", "--check"]),
    ocelli(serve, ["serve", "scene"]),
    ocelli({ ...env, DATABASE_URL_SCENE: "postgresql://127.0.0.1:1/x" }, ["migrate", "scene"]),
  ]);
  const pendingLine = expect.stringMatching(/^scene: \d+ migrations? pending: [^\n]+\n$/);
  expect(pending).toEqual({ code: 1, stdout: pendingLine, stderr: "" });
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(
    /MIGRATE_ON_START is false and the schema of scene is behind .*`ocelli migrate scene`/,
  );
  expect(unreachable).toMatchObject({ code: 1, stdout: "" });
  expect(unreachable.stderr).toMatch(/^ocelli: the database of scene cannot be used \([^\n]+\)\n$/);
  const done = await ocelli(env, ["migrate", "scene"]);
  expect(done).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^scene: \d+ migrations? applied, now at \d/),
  });
});
