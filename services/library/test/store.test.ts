import { stages as stageTree } from "@ocelli/contracts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LibraryUnderTest, startLibrary } from "./library-under-test.ts";

let library: LibraryUnderTest;

beforeAll(async () => {
  library = await startLibrary();
  await library.sql.query(`insert into library.images (sha256, media_type, width, height, size_bytes)
    select 'sha' || n, 'image/jpeg', 1, 1, 1 from generate_series(1, 5000) n`);
  await library.sql.query(`insert into library.photos (id, owner_id, sha256, filename, created_at, captured_at)
    select gen_random_uuid(), case when n % 2 = 0 then '${crypto.randomUUID()}'::uuid else '${owner}'::uuid end, 'sha' || n, 'a.jpg', now(), now()
    from generate_series(1, 5000) n`);
  await library.sql.query(`insert into library.photo_stages (photo_id, owner_id, stage, status)
    select id, owner_id, stage, case when sha256 like '%7' then 'PENDING' else 'SUCCEEDED' end
    from library.photos, unnest(array[${stageTree.map(({ name }) => `'${name}'`)}]) stage`);
  await library.sql.query("analyze library.photos, library.photo_stages, library.images");
});
afterAll(() => library?.stop());

const owner = "01999999-0000-7000-8000-000000000000";

async function planOf(query: string): Promise<string> {
  const { rows } = await library.sql.query<{ "QUERY PLAN": string }>(`explain ${query}`);
  return rows.map((row) => row["QUERY PLAN"]).join("\n");
}

test("the backlog is counted from the index of unfinished stages", async () => {
  const plan = await planOf(`select count(*) from (select distinct photo_id from library.photo_stages
    where status in ('PENDING', 'RUNNING') order by photo_id limit 128) unfinished`);
  expect(plan).toContain("photo_stages_unfinished");
  expect(plan).not.toContain("Seq Scan");
});
