import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "../src/index.ts";

describe("many clients on the one backend", () => {
  let database: EmbeddedDatabase;
  let pool: pg.Pool;

  beforeAll(async () => {
    database = await startEmbeddedDatabase();
    pool = new pg.Pool({ connectionString: database.url, max: 16 });
    await pool.query("create table numbers (client int, value text)");
  });

  afterAll(async () => {
    await pool.end();
    await database.close();
  });

  test("parameters of one client never reach another's statement", async () => {
    const queries = Array.from({ length: 400 }, (_, index) =>
      index % 2 === 0
        ? pool.query("select $1::bigint + 1 as answer", [index]).then(({ rows }) => rows[0].answer)
        : pool
            .query("select $1::text || '!' as answer", [`text ${index}`])
            .then(({ rows }) => rows[0].answer),
    );
    const answers = await Promise.all(queries);
    answers.forEach((answer, index) => {
      expect(answer).toBe(index % 2 === 0 ? String(index + 1) : `text ${index}!`);
    });
  });

  test("interleaved transactions stay apart, committed or rolled back", async () => {
    await Promise.all(
      Array.from({ length: 20 }, async (_, client) => {
        const connection = await pool.connect();
        await connection.query("begin");
        for (let value = 0; value < 5; value++) {
          await connection.query("insert into numbers values ($1, $2)", [client, `${value}`]);
        }
        await connection.query(client % 2 === 0 ? "commit" : "rollback");
        connection.release();
      }),
    );
    const { rows } = await pool.query(
      "select client, count(*)::int as count from numbers group by client order by client",
    );
    expect(rows).toEqual(Array.from({ length: 10 }, (_, index) => ({ client: index * 2, count: 5 })));
  });

  test("a failing statement answers its own client and nobody else", async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 40 }, (_, index) =>
        pool.query(index % 4 === 0 ? "select $1::int / 0" : "select $1::int", [index]),
      ),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(
      Array.from({ length: 40 }, (_, index) => (index % 4 === 0 ? "rejected" : "fulfilled")),
    );
  });

  test("a client that vanishes inside a transaction leaves nothing behind and blocks nobody", async () => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    client.on("error", () => undefined);
    await client.query("begin");
    await client.query("insert into numbers values (99, 'lost')");
    (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    const { rows } = await pool.query("select count(*)::int as count from numbers where client = 99");
    expect(rows[0].count).toBe(0);
  });
});

test("data survives a restart", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ocelli-embedded-"));
  for (const expected of [0, 1]) {
    const database = await startEmbeddedDatabase({ dataDir: join(folder, "database") });
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query("create table if not exists kept (id int)");
    expect((await client.query("select count(*)::int as count from kept")).rows[0].count).toBe(expected);
    await client.query("insert into kept values (1)");
    await client.end();
    await database.close();
  }
  rmSync(folder, { recursive: true, force: true });
});
