import { events } from "@ocelli/contracts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "../../../embedded-database/src/index.ts";
import { appendEvent, consumeEvents, createInProcessBus, createRelay } from "../../src/events/index.ts";
import { countEffects, log, makeEvent, openTestStore, sleep, until } from "./harness.ts";

let embedded: EmbeddedDatabase;
beforeAll(async () => {
  embedded = await startEmbeddedDatabase();
}, 60_000);
afterAll(() => embedded.close());

const raw = { name: "raw", filter: "ocelli.>", concurrency: 1, maxDeliver: 3, backoffMs: [60_000] };

describe("the in-process bus", () => {
  it("keeps events back until it is opened, so that a late consumer misses nothing", async () => {
    const bus = createInProcessBus({ held: true });
    let published = false;
    const publishing = bus.publish(makeEvent()).then(() => {
      published = true;
    });
    await sleep(30);
    expect(published).toBe(false);
    const handled: string[] = [];
    await bus.consume({ ...raw, handle: async ({ event }) => void handled.push(event.id) });
    bus.open();
    await publishing;
    expect(handled).toHaveLength(1);
    await bus.close();
  });

  it("refuses a second filter under one name", async () => {
    const bus = createInProcessBus();
    await bus.consume({ ...raw, handle: async () => {} });
    await expect(bus.consume({ ...raw, filter: "ocelli.a.>", handle: async () => {} })).rejects.toThrow(
      "filter",
    );
    await bus.close();
  });

  it("rejects what is unfinished when it closes, waiting for a retry or never started", async () => {
    const bus = createInProcessBus();
    await bus.consume({
      ...raw,
      handle: async () => {
        throw new Error("later");
      },
    });
    const pending = [bus.publish(makeEvent()), bus.publish(makeEvent())];
    await sleep(20);
    const settled = Promise.allSettled(pending);
    await bus.close();
    expect((await settled).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  });

  it("says how each delivery ended and how long it took", async () => {
    const store = await openTestStore(embedded.url);
    const bus = createInProcessBus();
    const outcomes: string[] = [];
    const consumer = await consumeEvents({
      bus,
      db: store.db,
      log,
      consumer: "outcomes",
      filter: "ocelli.>",
      maxDeliver: 2,
      backoffMs: [10],
      handle: async (event) => {
        if (event.id === bad.id) throw new Error("later");
      },
      observer: {
        onStarted: () => undefined,
        onEnded: (outcome, seconds) => {
          expect(seconds).toBeGreaterThan(0);
          outcomes.push(outcome);
        },
      },
    });
    const bad = makeEvent();
    await bus.publish(makeEvent());
    await bus.publish(bad);
    expect(outcomes).toEqual(["done", "retry", "dead"]);
    await consumer.stop();
    await bus.close();
    await store.close();
  });

  it("finishes after a restart what a stopped process left in its outbox", async () => {
    const store = await openTestStore(embedded.url);
    const type = { ...events.photoDeleted };
    for (let count = 0; count < 3; count += 1) {
      await store.db.transaction().execute((trx) => appendEvent(trx, { type, message: {} }));
    }
    const run = async (works: boolean) => {
      const bus = createInProcessBus({ held: true });
      const relay = createRelay({ db: store.db, bus, log, service: "test", pollMs: 50 });
      relay.start();
      const consumer = await consumeEvents({
        bus,
        db: store.db,
        log,
        consumer: "worker",
        filter: "ocelli.library.photo.*",
        handle: async (event, { once, signal }) => {
          if (!works) {
            await new Promise((_, reject) => {
              const fail = () => reject(new Error("stopping"));
              // On a busy machine the handler may begin when the stop has begun.
              if (signal.aborted) fail();
              else signal.addEventListener("abort", fail);
            });
          }
          await once(
            async (trx) => void (await trx.insertInto("effects").values({ event_id: event.id }).execute()),
          );
        },
      });
      bus.open();
      return async () => {
        await consumer.stop();
        await bus.close();
        await relay.stop();
      };
    };
    const stopFirst = await run(false);
    await sleep(100);
    await stopFirst();
    expect(await countEffects(store.db)).toBe(0);
    const unsent = await store.db.selectFrom("outbox").select("id").where("sent_at", "is", null).execute();
    expect(unsent).toHaveLength(3);
    const stopSecond = await run(true);
    await until(async () => (await countEffects(store.db)) === 3);
    await stopSecond();
    await store.close();
  });
});
