import { randomUUIDv7 } from "node:crypto";
import { events } from "@ocelli/contracts";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { damages, emptyIndex, rebuildWhole, visibleState } from "./rebuild-index.ts";
import { type SourcesUnderTest, startSources } from "./rebuild-sources.ts";
import { emptyWorld, type Happening, happenings, type Saying } from "./rebuild-world.ts";
import { type SearchUnderTest, startSearch } from "./search-harness.ts";

const seed = Number(process.env.OCELLI_SEED ?? Date.now() % 2_147_483_647);
const runs = Number(process.env.OCELLI_RUNS ?? 12);
const timeLimitMs = Number(process.env.OCELLI_PROPERTY_MS ?? 9_000);

let database: EmbeddedDatabase;
let search: SearchUnderTest;
let sources: SourcesUnderTest;

beforeAll(async () => {
  database = await startEmbeddedDatabase();
  search = await startSearch(database.url);
  sources = await startSources(emptyWorld());
});
afterAll(async () => {
  await sources?.close();
  await search?.stop();
  await database?.close();
});

const kinds: fc.WeightedArbitrary<Happening["what"]>[] = [
  { weight: 4, arbitrary: fc.constantFrom("addPhoto", "group", "fillAlbum") },
  { weight: 3, arbitrary: fc.constantFrom("classify", "caption", "read", "changePhoto") },
  { weight: 3, arbitrary: fc.constantFrom("addPerson", "changePerson", "changeAlbum") },
  { weight: 1, arbitrary: fc.constantFrom("deletePhoto", "deletePerson", "mergePersons", "deleteAlbum") },
];
const happening = fc.record({ what: fc.oneof(...kinds), which: fc.nat(99), other: fc.nat(99) });
const damage = fc.constantFrom(...Object.values(damages));

const saidByModels: readonly string[] = [
  events.photoClassified.subject,
  events.photoCaptioned.subject,
  events.photoTextRead.subject,
];

const anHourAgo = Date.now() - 3_600_000;

/** Ids of events about things that happened an hour ago, one after another: each tells when its event was written. */
function idAt(millisecond: number): string {
  const time = (anHourAgo + millisecond).toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}${randomUUIDv7().slice(13)}`;
}

/** Delivers what was said, at random: out of order, some of it twice or thrice, some at the same time. */
async function deliver(said: readonly Saying[], order: readonly number[], atOnce: number): Promise<void> {
  const deliveries = said.flatMap((saying, at) => {
    const id = idAt(2 * at);
    const times = 1 + ((order[at % order.length] ?? 0) % 5 === 0 ? 1 : 0);
    return Array.from({ length: times }, (_, time) => ({
      key: ((order[(at * 2 + time) % order.length] ?? 0) * 7919 + at * 104_729 + time * 31) % 997,
      // A repeat may be the same delivery once more, or the same news in another event.
      deliver: () => saying.publish(search, time === 0 || at % 2 === 0 ? id : idAt(2 * at + 1)),
    }));
  });
  deliveries.sort((a, b) => a.key - b.key);
  for (let at = 0; at < deliveries.length; at += atOnce)
    await Promise.all(deliveries.slice(at, at + atOnce).map((each) => each.deliver()));
}

test("an index built anew from whatever state says what the incremental index says", {
  timeout: timeLimitMs + 60_000,
}, async () => {
  console.info(`property of building anew: OCELLI_SEED=${seed}`);
  const { db } = search.host.database;
  const history = fc.array(happening, { minLength: 15, maxLength: 45 });
  const order = fc.array(fc.nat(996), { minLength: 10, maxLength: 60 });
  const damaged = fc.array(fc.tuple(damage, fc.nat(1)), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(
      history,
      order,
      damaged,
      fc.integer({ min: 1, max: 6 }),
      async (all, order, wrong, atOnce) => {
        await emptyIndex(db);
        sources.world = emptyWorld();
        for (const { what, which, other } of all) happenings[what](sources.world, which, other);
        await deliver(sources.world.events, order, atOnce);
        const incremental = await visibleState(db);
        expect(incremental.documents).toHaveLength(sources.world.photos.size);
        expect(incremental.albums).toHaveLength(sources.world.albums.size);

        expect(await rebuildWhole(search, sources)).toMatchObject({ error: "", removed: 0 });
        expect(await visibleState(db), "built anew from itself").toEqual(incremental);

        for (const [spoil, odd] of wrong) await spoil(db, odd, sources.world);
        expect(await rebuildWhole(search, sources)).toMatchObject({ error: "" });
        expect(await visibleState(db), "built anew from a damaged index").toEqual(incremental);

        const late = sources.world.events.filter(
          ({ subject }, at) => saidByModels.includes(subject) && (order[at % order.length] ?? 0) % 2 === 0,
        );
        await deliver(late, order, atOnce);
        expect(await visibleState(db), "hearing once more what was said long ago").toEqual(incremental);

        await emptyIndex(db);
        const { documents, error } = await rebuildWhole(search, sources);
        expect({ documents, error }).toEqual({ documents: sources.world.photos.size, error: "" });
        expect(await visibleState(db), "built anew from nothing").toEqual(incremental);
      },
    ),
    { seed, numRuns: runs, interruptAfterTimeLimit: timeLimitMs, endOnFailure: true },
  );
});
