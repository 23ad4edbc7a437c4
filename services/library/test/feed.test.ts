import { setTimeout as delay } from "node:timers/promises";
import { AppError, createRpcClient, openDatabase, type RpcClient } from "@ocelli/chassis";
import { events, libraryV1 } from "@ocelli/contracts";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { appendFeed, appendJobUpdate, purgeFeeds, readFeed } from "../src/store/feed.ts";
import type { LibraryTables } from "../src/store/tables.ts";
import { type LibraryUnderTest, nativeDatabase, startLibrary } from "./library-under-test.ts";
import { jpeg } from "./photos-for-tests.ts";

let library: LibraryUnderTest;
let feed: RpcClient<libraryV1.FeedServiceDefinition>;
let closeFeed: () => void;
let store: ReturnType<typeof openDatabase<LibraryTables>>;
let owner: string;

beforeAll(async () => {
  // Postgres itself: only there do transactions run side by side.
  library = await startLibrary({ ingestQueue: 500 }, nativeDatabase);
  const handle = createRpcClient(libraryV1.FeedServiceDefinition, { address: library.address });
  [feed, closeFeed] = [handle.client, handle.close];
  store = openDatabase<LibraryTables>({ url: library.databaseUrl, schema: "library", maxConnections: 16 });
});
afterAll(async () => {
  closeFeed?.();
  await store?.close();
  await library?.stop();
});
beforeEach(() => {
  owner = crypto.randomUUID();
});

async function list(afterId: number, pageSize = 0, of = owner) {
  return feed.listFeed({ afterId, pageSize }, { bearer: await library.userToken(of) });
}

async function reasonOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "ok",
    (error: unknown) => AppError.from(error).reason,
  );
}

const entry = (n: number) => ({ type: "photo.changed", subjectId: String(n), data: { n } });
const ended = [
  events.photoClassified,
  events.photoFacesScanned,
  events.photoTextRead,
  events.photoEmbedded,
  events.photoCaptioned,
  events.photoIndexed,
];

describe("a feed", () => {
  test("tells of uploads and the ends of stages, with details", async () => {
    expect(await list(0)).toEqual({ entries: [], newestId: 0 });
    const { photo } = await library.upload(owner, await jpeg(8000), { filename: "a.jpg" });
    const ref = { photoId: photo?.id ?? "", ownerId: owner, sha256: photo?.sha256 ?? "" };
    await library.publish(events.photoClassified, { photo: ref, provenance: { model: "m@1", ms: 5.5 } });
    await library.publish(events.photoClassified, { photo: ref, provenance: { model: "m@1", ms: 5.5 } });
    const { entries, newestId } = await list(0);
    expect(newestId).toBe(2);
    expect(entries.map(({ id, type, subjectId }) => [id, type, subjectId])).toEqual([
      [1, "photo.ready", ref.photoId],
      [2, "photo.stage", ref.photoId],
    ]);
    expect(JSON.parse(entries[0]?.dataJson ?? "")).toEqual({
      filename: "a.jpg",
      mediaType: "image/jpeg",
      width: 64,
      height: 48,
    });
    expect(JSON.parse(entries[1]?.dataJson ?? "")).toEqual({
      stage: "scene",
      status: "SUCCEEDED",
      model: "m@1",
      ms: 5.5,
      error: "",
    });
    expect(Math.abs(Date.now() - (entries[0]?.at?.getTime() ?? 0))).toBeLessThan(30_000);
  });

  test("is the owner's alone, and needs a position that it knows", async () => {
    await appendFeed(store.db, owner, [entry(1), entry(2)]);
    expect((await list(0, 0, crypto.randomUUID())).entries).toEqual([]);
    expect(await list(-1)).toEqual({ entries: [], newestId: 2 });
    expect(await reasonOf(list(3))).toBe("FEED_GONE");
    expect(await reasonOf(list(2))).toBe("ok");
    expect(await reasonOf(list(0, -1))).toBe("INVALID_PAGE_SIZE");
    expect(await reasonOf(feed.listFeed({ afterId: 0, pageSize: 0 }))).toBe("UNAUTHENTICATED");
  });

  test("leaves details out that are too long", async () => {
    await appendFeed(store.db, owner, [{ ...entry(1), data: { text: "x".repeat(5000) } }]);
    expect((await list(0)).entries[0]?.dataJson).toBe("{}");
  });

  test("wakes whoever waits after the entry is there", async () => {
    const { photo } = await library.upload(owner, await jpeg(8001));
    const ref = { photoId: photo?.id ?? "", ownerId: owner, sha256: photo?.sha256 ?? "" };
    const hints: number[] = [];
    const watch = await library.bus.watch(events.feedAppended.subject, ({ payload }) => {
      const { ownerId, newestId } = events.feedAppended.message.decode(payload);
      if (ownerId === owner) hints.push(newestId);
    });
    for (const type of ended)
      await library.publish<object>(type, { photo: ref, provenance: { model: "m", ms: 1 } });
    await expect.poll(() => hints.at(-1)).toBe(7);
    // Entries that come together are told together.
    expect(hints.length).toBeLessThan(6);
    await watch.stop();
  });
});

describe("a reader that goes on after the newest id it saw", () => {
  test("misses nothing and sees everything once, in order, whoever commits first", async () => {
    const seen: number[] = [];
    let writing = true;
    const reading = (async () => {
      for (let last = 0; ; ) {
        const done = !writing;
        const { entries } = await readFeed(store.db, owner, last, 7);
        seen.push(...entries.map(({ id }) => id));
        last = seen.at(-1) ?? 0;
        if (done && entries.length === 0) return;
      }
    })();
    // Transactions that dawdle between taking their ids and the commit, and some that never commit.
    const write = (n: number) =>
      store.db
        .transaction()
        .execute(async (trx) => {
          await appendFeed(trx, owner, [entry(n), entry(n)]);
          await delay(Math.random() * 8);
          if (n % 5 === 0) throw new Error("rolled back");
        })
        .catch(() => undefined);
    await Promise.all(Array.from({ length: 100 }, (_, n) => write(n)));
    writing = false;
    await reading;
    expect(seen).toEqual(Array.from({ length: 160 }, (_, index) => index + 1));
  });

  test("the same while photos are uploaded and stages end side by side", async () => {
    const seen: libraryV1.FeedEntry[] = [];
    const bearer = await library.userToken(owner);
    let writing = true;
    const reading = (async () => {
      for (;;) {
        const done = !writing;
        const { entries } = await feed.listFeed({ afterId: seen.at(-1)?.id ?? 0, pageSize: 5 }, { bearer });
        seen.push(...entries);
        if (done && entries.length === 0) return;
      }
    })();
    const work = async (n: number) => {
      const { photo } = await library.upload(owner, await jpeg(8100 + n));
      const ref = { photoId: photo?.id ?? "", ownerId: owner, sha256: photo?.sha256 ?? "" };
      const publish = (type: (typeof ended)[number]) =>
        library.publish<object>(type, { photo: ref, provenance: { model: "m", ms: 1 } });
      await Promise.all(ended.map(publish));
    };
    await Promise.all(Array.from({ length: 12 }, (_, n) => work(n)));
    writing = false;
    await reading;
    expect(seen.map(({ id }) => id)).toEqual(Array.from({ length: 84 }, (_, index) => index + 1));
    expect(new Set(seen.map(({ type, subjectId, dataJson }) => type + subjectId + dataJson)).size).toBe(84);
    expect(seen.filter(({ type }) => type === "photo.ready")).toHaveLength(12);
    const times = seen.map(({ at }) => at?.getTime() ?? 0);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });
});

describe("job.updated", () => {
  const update = (status: string, done: number) =>
    appendJobUpdate(store.db, { ownerId: owner, jobId: "job-1", status, data: { progress: { done } } });

  test("comes once a second at most, but at once when the status changes", async () => {
    expect(await update("QUEUED", 0)).toBe(1);
    expect(await update("RUNNING", 0)).toBe(2);
    for (let done = 1; done < 20; done++) expect(await update("RUNNING", done)).toBe(0);
    expect(await update("SUCCEEDED", 20)).toBe(3);
    const other = { ownerId: owner, jobId: "job-2", status: "SUCCEEDED", data: {} };
    expect(await appendJobUpdate(store.db, other)).toBe(4);
    await store.db
      .updateTable("feed")
      .set({ at: new Date(Date.now() - 2000) })
      .where("owner_id", "=", owner)
      .execute();
    expect(await update("SUCCEEDED", 20)).toBe(5);
    const { entries } = await readFeed(store.db, owner, 0, 10);
    expect(entries.map(({ data }) => data.status)).toEqual([
      "QUEUED",
      "RUNNING",
      "SUCCEEDED",
      "SUCCEEDED",
      "SUCCEEDED",
    ]);
  });
});

describe("the purge", () => {
  const dayMs = 86_400_000;
  // It looks at all owners.
  beforeEach(() => library.sql.query("delete from library.feed; delete from library.feed_heads"));
  const purge = (maxEntries = 10_000, atOnce = { owners: 100, perOwner: 1000 }) =>
    purgeFeeds(store.db, { retentionMs: dayMs, maxEntries }, atOnce);
  const fill = (count: number) =>
    appendFeed(
      store.db,
      owner,
      Array.from({ length: count }, (_, n) => entry(n)),
    );

  test("keeps a day, says to whom more is gone, and goes on counting", async () => {
    await fill(10);
    const old = new Date(Date.now() - dayMs - 1000);
    await store.db
      .updateTable("feed")
      .set({ at: old })
      .where("owner_id", "=", owner)
      .where("id", "<=", 4)
      .execute();
    expect(await purge()).toBe(4);
    expect(await purge()).toBe(0);
    expect((await list(4)).entries.map(({ id }) => id)).toEqual([5, 6, 7, 8, 9, 10]);
    expect(await reasonOf(list(3))).toBe("FEED_GONE");
    await store.db.updateTable("feed").set({ at: old }).where("owner_id", "=", owner).execute();
    expect(await purge()).toBe(6);
    expect(await list(10)).toEqual({ entries: [], newestId: 10 });
    expect(await fill(1)).toBe(11);
  });

  test("keeps so many entries at most, and deletes a bounded number at once", async () => {
    await fill(500);
    expect(await purge(100, { owners: 100, perOwner: 150 })).toBe(150);
    expect(await purge(100, { owners: 100, perOwner: 150 })).toBe(150);
    expect(await purge(100, { owners: 100, perOwner: 150 })).toBe(100);
    expect(await purge(100)).toBe(0);
    expect((await list(400)).entries).toHaveLength(100);
  });

  test("waits for webhooks that have not taken entries up, unless they are disabled", async () => {
    await fill(300);
    await library.sql.query(
      `insert into library.webhooks (id, owner_id, url, types, secret, sealed, created_at, feed_id, enabled)
       values ($1, $2, 'https://example.org/', '{}', '\\x00', false, now(), 120, false)`,
      [crypto.randomUUID(), owner],
    );
    await library.sql.query("update library.webhooks set enabled = true, feed_id = 120 where owner_id = $1", [
      owner,
    ]);
    const kept = await purge(100);
    // The library itself may have taken them up meanwhile.
    expect([120, 200]).toContain(kept);
    await library.sql.query("update library.webhooks set enabled = false where owner_id = $1", [owner]);
    expect(kept + (await purge(100))).toBe(200);
  });
});
