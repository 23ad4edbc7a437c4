import type { Database } from "@ocelli/chassis";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import fc from "fast-check";
import { afterAll, beforeAll, test } from "vitest";
import type { PeopleGrouping } from "../src/grouping.ts";
import type { FaceTables } from "../src/store/tables.ts";
import { groupingOn, openFaceStore } from "./grouping-support.ts";
import { type Happening, World } from "./people-world.ts";

let embedded: EmbeddedDatabase;
let database: Database<FaceTables>;
let grouping: PeopleGrouping;

beforeAll(async () => {
  embedded = await startEmbeddedDatabase();
  database = await openFaceStore(embedded.url);
  grouping = groupingOn(database, { minPersonFaces: 2 });
});
afterAll(async () => {
  await grouping?.worker.stop();
  await database?.close();
  await embedded?.close();
});

const seed = Number(process.env.OCELLI_SEED ?? Date.now() % 2_147_483_647);
// All of them, however long they take: fewer would pass for as many.
const runs = Number(process.env.OCELLI_RUNS ?? 24);

const kinds: fc.WeightedArbitrary<Happening["kind"]>[] = [
  { weight: 8, arbitrary: fc.constant("detect") },
  { weight: 3, arbitrary: fc.constantFrom("assign", "reject", "merge", "undo") },
  { weight: 3, arbitrary: fc.constantFrom("merge", "reject", "mergeAndUndo") },
  { weight: 4, arbitrary: fc.constantFrom("rescan", "answer") },
  { weight: 2, arbitrary: fc.constantFrom("unassign", "unreject", "rename", "split", "delete", "regroup") },
];
const happening: fc.Arbitrary<Happening> = fc.record({
  kind: fc.oneof(...kinds),
  picks: fc.tuple(fc.nat(99), fc.nat(99), fc.nat(99)),
});

test("whatever happens in whatever order, nothing that a human said changes", {
  timeout: 120_000 + runs * 15_000,
}, async () => {
  console.info(`property of persons: OCELLI_SEED=${seed}`);
  const history = fc.array(happening, { minLength: 15, maxLength: 40 });
  const endings = fc.array(fc.nat(99), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(history, endings, async (happenings, ending) => {
      const world = new World(database, grouping);
      for (const each of happenings) {
        await world.let(each);
        await world.check();
      }
      await world.undoAll(ending);
    }),
    { seed, numRuns: runs, endOnFailure: true },
  );
});

test("what an undo took home stays there when a later merge that it went through is undone", async () => {
  const world = new World(database, grouping);
  const happenings: Happening[] = [
    // Three persons of two photos each, in the order of their ids.
    ...[0, 0, 1, 1, 2, 2].map((who): Happening => ({ kind: "detect", picks: [who, 1, 0] })),
    // The second becomes the first, too, and the third both; then the first is itself again, and becomes the third.
    { kind: "merge", picks: [0, 1, 0] },
    { kind: "merge", picks: [0, 1, 0] },
    { kind: "undo", picks: [0, 0, 0] },
    { kind: "merge", picks: [0, 0, 1] },
    { kind: "undo", picks: [0, 0, 0] },
  ];
  for (const each of happenings) {
    await world.let(each);
    await world.check();
  }
  await world.undoAll([0]);
});
