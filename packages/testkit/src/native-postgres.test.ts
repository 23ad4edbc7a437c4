import { existsSync } from "node:fs";
import pg from "pg";
import { expect, test } from "vitest";
import { startNativePostgres } from "./native-postgres.ts";

async function ask(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

test("a native Postgres has databases of its own and leaves nothing behind", async () => {
  const postgres = await startNativePostgres();
  const first = await postgres.createDatabase("first");
  const second = await postgres.createDatabase('odd "name"');
  await ask(first, "create table notes (text text)");
  expect(await ask(second, "select to_regclass('notes') as found")).toEqual([{ found: null }]);
  const [folder] = await ask(postgres.url, "show data_directory");
  expect(folder).toEqual({ data_directory: expect.stringContaining("ocelli-postgres-") });
  await postgres.stop();
  await expect(ask(postgres.url, "select 1")).rejects.toThrow(/ECONNREFUSED/);
  const { data_directory } = folder as { data_directory: string };
  expect(existsSync(data_directory)).toBe(false);
});
