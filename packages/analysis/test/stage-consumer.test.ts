import { notFound, overloaded } from "@ocelli/chassis";
import { events, eventsV1, photoStageFailed } from "@ocelli/contracts";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { photoOf, type StageUnderTest, startStage } from "./stage-harness.ts";

let database: EmbeddedDatabase;
let stage: StageUnderTest | undefined;
let schemas = 0;

beforeAll(async () => {
  database = await startEmbeddedDatabase();
});
afterEach(() => stage?.stop());
afterAll(() => database?.close());

async function start(
  analyze: Parameters<typeof startStage>[0]["analyze"],
  { limits, stage: parts }: Pick<Parameters<typeof startStage>[0], "limits" | "stage"> = {},
): Promise<StageUnderTest> {
  schemas += 1;
  const schema = `stage${"abcdefghijklmno"[schemas]}`;
  const more = { ...(limits && { limits }), ...(parts && { stage: parts }) };
  stage = await startStage({ databaseUrl: database.url, schema, analyze, ...more });
  return stage;
}

/** A promise with its resolver. */
function gate() {
  let open = () => undefined as unknown;
  const opened = new Promise<void>((resolve) => (open = () => resolve()));
  return { open: () => void open(), opened };
}

test("same bytes are analysed once, for whoever uploads them later", async () => {
  let runs = 0;
  const { ready, words } = await start(async () => {
    runs += 1;
    return `word ${runs}`;
  });
  const [first, second] = [photoOf("same"), photoOf("same")];
  await ready(first);
  await ready(second);
  await ready(photoOf("other"));
  expect(runs).toBe(2);
  expect((await words()).map(({ word }) => word).sort()).toEqual(["word 1", "word 1", "word 2"]);
  const ms = new Map((await words()).map((row) => [row.photo_id, row.ms]));
  expect(ms.get(first.photoId)).toBeGreaterThan(0);
  expect(ms.get(second.photoId)).toBe(0);
});

test("a stage that is requested runs again in place, also where its bytes are known, and others do not", async () => {
  let runs = 0;
  const { ready, publish, words } = await start(async () => {
    runs += 1;
    return `word ${runs}`;
  });
  const photo = { ...photoOf("same"), requestId: "job/1" };
  await ready(photo);
  await publish(events.photoStagesRequested, { photo, stages: ["other"] });
  expect(runs).toBe(1);
  await publish(events.photoStagesRequested, { photo, stages: ["other", "words"] });
  expect((await words()).map(({ word }) => word)).toEqual(["word 2"]);
});

test("photos of the same bytes that arrive together share one run", async () => {
  let runs = 0;
  const { opened, open } = gate();
  const { ready, words } = await start(async () => {
    runs += 1;
    await opened;
    return "word";
  });
  const all = Promise.all([photoOf("same"), photoOf("same"), photoOf("same")].map(ready));
  await expect.poll(() => runs).toBe(1);
  setTimeout(open, 50);
  await all;
  expect(runs).toBe(1);
  expect((await words()).filter(({ ms }) => ms === 0)).toHaveLength(2);
});

test("a failure is tried again, then said and kept as a dead letter", async () => {
  let runs = 0;
  const { ready, words, host, published } = await start(async () => {
    runs += 1;
    throw new Error("the model broke: hunter2");
  });
  const photo = photoOf("bad");
  await ready(photo);
  expect(runs).toBe(2);
  expect(await words()).toEqual([]);
  const letters = await host.database.db.selectFrom("dead_letters").selectAll().execute();
  expect(letters).toMatchObject([{ subject: events.photoReady.subject, reason: "INTERNAL", attempts: 2 }]);
  const failed = photoStageFailed(host.database.schema).subject;
  await expect.poll(() => published.map(({ subject }) => subject)).toContain(failed);
  const event = published.find(({ subject }) => subject === failed);
  const message = eventsV1.PhotoStageFailed.decode(event?.payload ?? new Uint8Array());
  expect(message).toMatchObject({ photo, stage: "words", reason: "INTERNAL", attempts: 2 });
  expect(message.message).not.toContain("hunter2");
});

test("what fails once and then works is no failure", async () => {
  let runs = 0;
  const { ready, words, host } = await start(async () => {
    runs += 1;
    if (runs === 1) throw overloaded("ENGINE_OVERLOADED", "Busy.", 50);
    if (runs === 2) throw new Error("passing");
    return "word";
  });
  await ready(photoOf("flaky"));
  expect((await words()).map(({ word }) => word)).toEqual(["word"]);
  expect(await host.database.db.selectFrom("dead_letters").selectAll().execute()).toEqual([]);
});

test("a photo deleted before its analysis could fetch it is no failure", async () => {
  const { ready, words, host, published } = await start(() =>
    Promise.reject(notFound("PHOTO_NOT_FOUND", "There is no such photo.")),
  );
  await ready(photoOf("gone"));
  expect(await words()).toEqual([]);
  expect(await host.database.db.selectFrom("dead_letters").selectAll().execute()).toEqual([]);
  expect(published).toEqual([]);
});

test("a photo deleted while it is analysed gets no result afterwards", async () => {
  const { opened, open } = gate();
  let started = false;
  const { ready, words, publish } = await start(async () => {
    started = true;
    await opened;
    return "word";
  });
  const photo = photoOf("late");
  const handled = ready(photo);
  await expect.poll(() => started).toBe(true);
  await publish(events.photoDeleted, { photo });
  open();
  await handled;
  await ready(photo);
  expect(await words()).toEqual([]);
});

test("that one photo is gone does not end another of the same bytes", async () => {
  const { opened, open } = gate();
  const gone = photoOf("same");
  let runs = 0;
  const { ready, words } = await start(async (photo) => {
    runs += 1;
    if (photo.photoId !== gone.photoId) return "word";
    await opened;
    throw notFound("PHOTO_NOT_FOUND", "There is no such photo.");
  });
  const first = ready(gone);
  await expect.poll(() => runs).toBe(1);
  const others = [photoOf("same"), photoOf("same")];
  const rest = Promise.all(others.map(ready));
  setTimeout(open, 100);
  await Promise.all([first, rest]);
  expect(runs).toBe(2);
  expect((await words()).map(({ photo_id }) => photo_id).sort()).toEqual(
    others.map(({ photoId }) => photoId).sort(),
  );
});

test("the same event twice has one effect", async () => {
  let runs = 0;
  const { words, host, publish } = await start(async () => {
    runs += 1;
    return "word";
  });
  const photo = photoOf("twice");
  await Promise.all([publish(events.photoReady, { photo }), publish(events.photoReady, { photo })]);
  expect(runs).toBe(1);
  expect(await words()).toHaveLength(1);
  expect(await host.database.db.selectFrom("dead_letters").selectAll().execute()).toEqual([]);
});

test("an event whose photo cannot be stored is given up and does not stop the rest", async () => {
  const { ready, words, host } = await start(async () => "word");
  await ready({ ...photoOf("x"), photoId: "not an id" });
  await ready(photoOf("fine"));
  expect(await words()).toHaveLength(1);
  expect(await host.database.db.selectFrom("dead_letters").select("reason").execute()).toHaveLength(1);
});

test("a user deleted while a photo is analysed gets no result, and its failure is nobody's business", async () => {
  const { opened, open } = gate();
  let started = 0;
  const { ready, words, publish, host, published } = await start(async ({ sha256 }) => {
    started += 1;
    await opened;
    if (sha256 === "bad") throw new Error("the model broke");
    return "word";
  });
  const [good, bad, theirs] = [photoOf("good"), photoOf("bad"), photoOf("good")];
  const handled = Promise.all([good, bad, theirs].map(ready));
  await expect.poll(() => started).toBe(2);
  for (const { ownerId } of [good, bad]) await publish(events.userDeleted, { userId: ownerId });
  open();
  await handled;
  await ready(good);
  expect((await words()).map(({ photo_id }) => photo_id)).toEqual([theirs.photoId]);
  expect(await host.database.db.selectFrom("dead_letters").selectAll().execute()).toEqual([]);
  expect(published).toEqual([]);
});

test("a stage that ends others gives them up, too, as far as they were asked for", async () => {
  const { publish, host, published } = await start(() => Promise.reject(new Error("the model broke")), {
    stage: { alsoEnds: ["rhymes"] },
  });
  const failed = async (photo: eventsV1.PhotoRef) => {
    const { subject } = photoStageFailed(host.database.schema);
    const messages = published
      .filter((event) => event.subject === subject)
      .map(({ payload }) => eventsV1.PhotoStageFailed.decode(payload));
    return messages
      .filter((each) => each.photo?.photoId === photo.photoId)
      .map((each) => each.stage)
      .sort();
  };
  const [first, both, one] = [photoOf("a"), photoOf("b"), photoOf("c")];
  await publish(events.photoReady, { photo: first });
  await publish(events.photoStagesRequested, { photo: both, stages: ["rhymes", "words"] });
  await publish(events.photoStagesRequested, { photo: one, stages: ["words"] });
  await expect.poll(() => failed(first)).toEqual(["rhymes", "words"]);
  await expect.poll(() => failed(both)).toEqual(["rhymes", "words"]);
  await expect.poll(() => failed(one)).toEqual(["words"]);
});

test("a photo that is to be skipped is neither analysed nor given another's result", async () => {
  let runs = 0;
  const skipped: string[] = [];
  const reluctant = photoOf("same");
  const { ready, words } = await start(
    async () => {
      runs += 1;
      return "word";
    },
    {
      stage: {
        skip: {
          applies: async ({ ownerId }) => ownerId === reluctant.ownerId,
          save: async (_trx, { photoId }) => void skipped.push(photoId),
        },
      },
    },
  );
  const willing = photoOf("same");
  await Promise.all([ready(reluctant), ready(willing)]);
  expect(runs).toBe(1);
  expect(skipped).toEqual([reluctant.photoId]);
  expect((await words()).map(({ photo_id }) => photo_id)).toEqual([willing.photoId]);
});
