import pg from "pg";
import type { Client } from "../e2e/harness/client.ts";
import type { OcelliProcess } from "../e2e/harness/ocelli-process.ts";
import { type BenchSize, type Figure, median } from "./figures.ts";
import { analyseThroughHttp, signUp } from "./mesh.ts";
import { ownerOf } from "./owner.ts";
import { makePictures, type Picture } from "./pictures.ts";
import { fillLibrary } from "./synthetic-rows.ts";

const group = "growth";

/**
 * Time per upload until all stages have succeeded, in a small library and in a large one of the same owner. Another
 * user has sent the same bytes before, so no model runs: what is left is all that could grow.
 */
export async function measureGrowth(
  process: OcelliProcess,
  databaseUrl: string,
  size: BenchSize,
): Promise<Figure[]> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1 });
  try {
    const pictures = await makePictures(size.uploads, 900);
    await analyseThroughHttp(await signUp(process, "growth-model-runs"), pictures);
    // Warms the path without models up.
    await analyseThroughHttp(await signUp(process, "growth-warm-up"), pictures);
    const times: number[][] = [];
    let filled = 0;
    const users: Client[] = [];
    for (const [index] of size.libraries.entries()) users.push(await signUp(process, `growth-${index}`));
    for (const [index, photos] of size.libraries.entries()) {
      const client = users[index];
      if (!client) continue;
      // Each owner gets the library of his size; rows of the others make the tables as large as they are.
      await fillLibrary(pool, ownerOf(client), photos, filled);
      filled += photos;
      await pool.query("analyze");
      times.push(await uploadTimes(client, pictures));
    }
    const [small = [], large = []] = times;
    const [few, many] = size.libraries;
    return [
      { group, name: `per upload at ${few} photos, models reused`, value: median(small), unit: "ms" },
      { group, name: `per upload at ${many} photos, models reused`, value: median(large), unit: "ms" },
      {
        group,
        name: "growth",
        value: median(large) / median(small),
        unit: "x",
        target: { at: "most", value: 1.15 },
      },
    ];
  } finally {
    await pool.end();
  }
}

/** Milliseconds per photo, in batches of five. */
async function uploadTimes(client: Client, pictures: readonly Picture[]): Promise<number[]> {
  const times: number[] = [];
  for (let at = 0; at < pictures.length; at += 5) {
    const batch = pictures.slice(at, at + 5);
    times.push((await analyseThroughHttp(client, batch)) / batch.length);
  }
  return times;
}
