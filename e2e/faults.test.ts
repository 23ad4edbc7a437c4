import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { natsInstalled } from "@ocelli/testkit";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gatherEvidence } from "./faults/evidence.ts";
import { violations } from "./faults/invariants.ts";
import { type FaultRun, runFaults } from "./faults/run.ts";
import { faultKinds } from "./faults/schedule.ts";
import { removeFolders } from "./harness/ocelli-process.ts";

// The short version of `npm run test:faults`. Always the same seed: what a change breaks must not depend on the day.
const options = { minutes: 1, seed: 7, kinds: faultKinds };

describe.skipIf(!natsInstalled)(
  "a mesh under load that breaks in every way (needs nats-server on PATH)",
  () => {
    let run: FaultRun;
    // What was done when, should anything be wrong.
    const story: string[] = [];

    beforeAll(async () => {
      run = await runFaults(options, (line) => story.push(line));
    }, 420_000);

    afterAll(async () => {
      await run?.dispose();
      removeFolders();
    });

    test("keeps every promise: nothing acknowledged is lost, and everything happened once in effect", () => {
      expect(run.wrong, story.join("\n")).toEqual([]);
    });

    test("was under load, and was broken", () => {
      const kinds = new Set(run.injected.map(({ kind }) => kind));
      expect(kinds.size, "kinds of faults").toBeGreaterThanOrEqual(4);
      expect(kinds).toContain("kill");
      expect(run.recorder.photos.size).toBeGreaterThan(10);
      expect(run.recorder.actions.get("edit")).toBeGreaterThan(0);
    });

    // Last: it breaks what it looks at.
    test("would have told of what is amiss in the stores", async () => {
      const { mesh, ask, recorder, load } = run;
      const [first] = [...recorder.photos.values()].filter(({ fate }) => fate === "kept");
      if (!first) throw new Error("no photos were kept");
      const change = (store: "captioning" | "library" | "scene", query: string, values: unknown[]) =>
        execute(mesh.mesh.databaseUrl(store), query, values);
      await change("captioning", "delete from captioning.captions where photo_id = $1", [first.id]);
      await change(
        "library",
        `with head as (update library.feed_heads set last_id = last_id + 1 returning owner_id, last_id)
       insert into library.feed (owner_id, id, type, at, subject_id, data)
       select f.owner_id, h.last_id, f.type, f.at, f.subject_id, f.data
       from library.feed f join head h using (owner_id) where f.subject_id = $1 and f.type = 'photo.ready'`,
        [first.id],
      );
      await change("library", "update library.owner_usage set photos = photos + 1", []);
      // Of later than now: the sweeper would mend it before it is seen.
      await change(
        "library",
        `update library.photo_stages set status = 'RUNNING', updated_at = now() + interval '1 hour'
         where photo_id = $1`,
        [first.id],
      );
      await change(
        "scene",
        `insert into scene.dead_letters (id, consumer, event_id, subject, payload, reason, message, attempts)
       values ($1, 'scene-test', $1, 'subject', '', 'TEST', '', 1)`,
        [first.id],
      );
      const stray = "ab".repeat(32);
      mkdirSync(join(mesh.mesh.libraryFolder, "ab", "ab"), { recursive: true });
      writeFileSync(join(mesh.mesh.libraryFolder, "ab", "ab", stray), "");
      const found = violations(await gatherEvidence(mesh, ask, recorder, load.clients), recorder).join("\n");
      for (const said of [
        `captioning.captions has nothing of photo ${first.id}`,
        `the feed tells 2 times: ${first.id} photo.ready`,
        "are counted",
        `stage ocr of photo ${first.id} is RUNNING`,
        "scene-test gave up subject",
        `the file ${stray} belongs to nothing`,
      ])
        expect(found).toContain(said);
    }, 60_000);
  },
);

async function execute(url: string, query: string, values: unknown[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(query, values);
  } finally {
    await client.end();
  }
}
