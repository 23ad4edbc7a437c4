import { randomUUID } from "node:crypto";
import { events, eventsV1 } from "@ocelli/contracts";
import { createNatsServer, type NatsServer, natsInstalled } from "@ocelli/testkit";
import { trace } from "@opentelemetry/api";
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { Status } from "nice-grpc-common";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "../../../embedded-database/src/index.ts";
import type { Database } from "../../src/database/database.ts";
import { AppError } from "../../src/errors/app-error.ts";
import {
  appendEvent,
  type ConsumeOptions,
  connectNatsBus,
  consumeEvents,
  createInProcessBus,
  createRelay,
  type Delivery,
  decodeEvent,
  type EventBus,
  listDeadLetters,
  type Relay,
  replayDeadLetters,
  replayOutbox,
  type Subscription,
  withOutbox,
} from "../../src/events/index.ts";
import { countEffects, log, makeEvent, openTestStore, sleep, type TestTables, until } from "./harness.ts";

let embedded: EmbeddedDatabase;
let nats: NatsServer | undefined;
const exporter = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
provider.register();

beforeAll(async () => {
  embedded = await startEmbeddedDatabase();
  if (natsInstalled) {
    nats = await createNatsServer();
    await nats.start();
  }
}, 60_000);

afterAll(async () => {
  await nats?.dispose();
  await embedded.close();
});

const kinds: [string, boolean, () => Promise<EventBus>][] = [
  ["in-process", true, async () => createInProcessBus()],
  ["nats", natsInstalled, () => connectNatsBus({ url: nats?.url ?? "", name: "test", log })],
];

describe.each(kinds)("events over the %s bus", (_, available, connect) => {
  let bus: EventBus;
  let store: Database<TestTables>;
  let cleanups: (() => Promise<unknown>)[];
  /** A token of its own per test: the NATS stream remembers earlier tests. */
  let noun: string;

  beforeEach(async ({ skip }) => {
    if (!available) skip("nats-server is not installed");
    cleanups = [];
    noun = `n${randomUUID().slice(0, 8)}`;
    bus = await connect();
    store = await openTestStore(embedded.url);
  });

  afterEach(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
    await bus?.close();
    await store?.close();
  });

  function subject(verb = "done"): string {
    return `ocelli.test.${noun}.${verb}`;
  }

  async function consumeRaw(
    handle: (delivery: Delivery) => Promise<void>,
    name = `raw-${noun}`,
  ): Promise<Subscription> {
    const running = await bus.consume({
      name,
      filter: `ocelli.test.${noun}.>`,
      concurrency: 2,
      maxDeliver: 3,
      backoffMs: [50, 200],
      handle,
    });
    cleanups.push(() => running.stop());
    return running;
  }

  async function consume(options: Partial<ConsumeOptions<TestTables>>): Promise<void> {
    const running = await consumeEvents<TestTables>({
      bus,
      db: store.db,
      log,
      consumer: `c-${noun}`,
      filter: `ocelli.test.${noun}.*`,
      maxDeliver: 3,
      backoffMs: [30],
      replayPollMs: 50,
      ...options,
    });
    cleanups.push(() => running.stop());
  }

  function startRelay(options: { takeOver?: boolean; leaseMs?: number; bus?: EventBus } = {}): Relay {
    const relay = createRelay({ db: store.db, bus, log, service: "test", pollMs: 100, ...options });
    relay.start();
    cleanups.push(() => relay.stop());
    return relay;
  }

  /** An event type of this test's own subject. */
  function type() {
    return { subject: subject(), message: eventsV1.PhotoDeleted };
  }

  const recordEffect: ConsumeOptions<TestTables>["handle"] = async (event, { once }) => {
    await once(
      async (trx) => void (await trx.insertInto("effects").values({ event_id: event.id }).execute()),
    );
  };

  const unsent = async () =>
    (await store.db.selectFrom("outbox").select("id").where("sent_at", "is", null).execute()).length;

  it("delivers again after a failure, with back-off, until it succeeds", async () => {
    const seen: { attempt: number; last: boolean; at: number }[] = [];
    await consumeRaw(async ({ attempt, last }) => {
      seen.push({ attempt, last, at: performance.now() });
      if (attempt < 3) throw new Error("not yet");
    });
    await bus.publish(makeEvent(subject()));
    await until(() => seen.length === 3);
    expect(seen.map(({ attempt, last }) => [attempt, last])).toEqual([
      [1, false],
      [2, false],
      [3, true],
    ]);
    expect((seen[1]?.at ?? 0) - (seen[0]?.at ?? 0)).toBeGreaterThan(40);
    expect((seen[2]?.at ?? 0) - (seen[1]?.at ?? 0)).toBeGreaterThan(180);
  });

  it("stops delivering after the last attempt", async () => {
    let deliveries = 0;
    await consumeRaw(async () => {
      deliveries += 1;
      throw new Error("never");
    });
    await bus.publish(makeEvent(subject()));
    await until(() => deliveries === 3);
    await sleep(400);
    expect(deliveries).toBe(3);
  });

  it("shares a queue between consumers of one name, and copies to other names", async () => {
    const first: string[] = [];
    const second: string[] = [];
    const other: string[] = [];
    await consumeRaw(async ({ event }) => {
      await sleep(5);
      first.push(event.id);
    });
    await consumeRaw(async ({ event }) => {
      await sleep(5);
      second.push(event.id);
    });
    await consumeRaw(async ({ event }) => void other.push(event.id), `other-${noun}`);
    const sent = Array.from({ length: 20 }, () => makeEvent(subject()));
    await Promise.all(sent.map((event) => bus.publish(event)));
    await until(() => first.length + second.length === 20 && other.length === 20);
    expect(new Set([...first, ...second]).size).toBe(20);
    expect(first.length).toBeGreaterThan(0);
    expect(second.length).toBeGreaterThan(0);
  });

  it("never has more deliveries in hand than asked for", async () => {
    let running = 0;
    let most = 0;
    let done = 0;
    await consumeRaw(async () => {
      most = Math.max(most, ++running);
      await sleep(10);
      running -= 1;
      done += 1;
    });
    await Promise.all(Array.from({ length: 12 }, () => bus.publish(makeEvent(subject()))));
    await until(() => done === 12);
    expect(most).toBe(2);
  });

  it("lets every watcher see matching events, whatever another watcher does", async () => {
    const one: string[] = [];
    const all: string[] = [];
    const watch = async (filter: string, handle: (subject: string) => void) => {
      const watcher = await bus.watch(filter, (event) => handle(event.subject));
      cleanups.push(() => watcher.stop());
      return watcher;
    };
    await watch(`ocelli.test.${noun}.>`, () => {
      throw new Error("broken watcher");
    });
    await watch(`ocelli.*.${noun}.read`, (name) => one.push(name));
    const third = await watch(`ocelli.test.${noun}.*`, (name) => all.push(name));
    await bus.publish(makeEvent(subject("read")));
    await bus.publish(makeEvent(subject("failed")));
    await until(() => all.length === 2);
    expect(one).toEqual([subject("read")]);
    await third.stop();
    await bus.publish(makeEvent(subject("late")));
    await sleep(50);
    expect(all).toHaveLength(2);
  });

  it("has one effect when the same event is published twice", async () => {
    let deliveries = 0;
    await consume({
      handle: async (event, handlerContext) => {
        deliveries += 1;
        await recordEffect(event, handlerContext);
      },
    });
    const event = makeEvent(subject());
    await bus.publish(event);
    await until(async () => (await countEffects(store.db)) === 1);
    await bus.publish(event);
    const marker = makeEvent(subject());
    await bus.publish(marker);
    await until(async () => (await countEffects(store.db)) === 2);
    expect(deliveries).toBe(2);
  });

  it("repeats a failed effect without leaving anything of the first try", async () => {
    await consume({
      handle: async (event, { once, attempt }) => {
        await once(async (trx) => {
          await trx.insertInto("effects").values({ event_id: event.id }).execute();
          if (attempt === 1) throw new Error("crashed before the commit");
        });
      },
    });
    await bus.publish(makeEvent(subject()));
    await until(async () => (await countEffects(store.db)) === 1);
    await sleep(100);
    expect(await countEffects(store.db)).toBe(1);
  });

  it("publishes what was committed, nothing that was rolled back, at once after a kick", async () => {
    const got: string[] = [];
    await consume({
      handlers: {
        [subject()]: async (event) =>
          void got.push(decodeEvent(events.photoDeleted, event).photo?.photoId ?? ""),
      },
    });
    const relay = createRelay({ db: store.db, bus, log, service: "test", pollMs: 60_000 });
    relay.start();
    cleanups.push(() => relay.stop());
    await sleep(50);
    const failing = withOutbox(store.db, relay, async (trx) => {
      await appendEvent(trx, { type: type(), message: { photo: { photoId: "rolled-back" } } });
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    await withOutbox(store.db, relay, (trx) =>
      appendEvent(trx, { type: type(), message: { photo: { photoId: "kept" } } }),
    );
    await until(() => got.length === 1);
    expect(got).toEqual(["kept"]);
    await until(async () => (await unsent()) === 0);
  });

  it("delivers after a restart what was written while nobody listened", async () => {
    for (let count = 0; count < 5; count += 1) {
      await store.db.transaction().execute((trx) => appendEvent(trx, { type: type(), message: {} }));
    }
    await consume({ handle: recordEffect });
    startRelay();
    await until(async () => (await countEffects(store.db)) === 5);
    await until(async () => (await unsent()) === 0);
  });

  it("handles bursts larger than the relay's window", async () => {
    await consume({ handle: recordEffect, concurrency: 8 });
    const relay = createRelay({
      db: store.db,
      bus,
      log,
      service: "test",
      pollMs: 60_000,
      window: 16,
      batch: 8,
    });
    relay.start();
    cleanups.push(() => relay.stop());
    await withOutbox(store.db, relay, async (trx) => {
      for (let count = 0; count < 60; count += 1) await appendEvent(trx, { type: type(), message: {} });
    });
    await until(async () => (await countEffects(store.db)) === 60);
    await until(async () => (await unsent()) === 0);
  });

  it("gives up at once on what no retry cures, with dead letter and notice in one transaction, replayable", async () => {
    let poisoned = true;
    let deliveries = 0;
    const notices: [string, number][] = [];
    await consume({
      handle: async (event, handlerContext) => {
        deliveries += 1;
        if (poisoned)
          throw new AppError({
            code: Status.INVALID_ARGUMENT,
            reason: "BAD_PICTURE",
            message: "No picture.",
          });
        await recordEffect?.(event, handlerContext);
      },
      onGiveUp: async (_trx, _event, error, attempts) => void notices.push([error.reason, attempts]),
    });
    const event = makeEvent(subject());
    await bus.publish(event);
    await until(() => notices.length === 1);
    expect(notices).toEqual([["BAD_PICTURE", 1]]);
    expect(deliveries).toBe(1);
    const letters = () => store.db.selectFrom("dead_letters").selectAll().execute();
    await until(async () => (await letters()).length === 1);
    expect((await letters())[0]).toMatchObject({ event_id: event.id, reason: "BAD_PICTURE", attempts: 1 });
    expect(await listDeadLetters(store.db, 10)).toMatchObject([
      {
        eventId: event.id,
        consumer: `c-${noun}`,
        subject: event.subject,
        reason: "BAD_PICTURE",
        attempts: 1,
      },
    ]);
    expect(await listDeadLetters(store.db, 0)).toEqual([]);

    expect(await replayDeadLetters(store.db, { consumer: `c-${noun}` })).toBe(1);
    await until(() => notices.length === 2);
    await until(async () => (await letters())[0]?.replay_requested_at === null);
    poisoned = false;
    await replayDeadLetters(store.db);
    await until(async () => (await letters()).length === 0);
    expect(await countEffects(store.db)).toBe(1);
  });

  it("gives up on retryable failures after the last delivery", async () => {
    const notices: number[] = [];
    await consume({
      handle: async () => {
        throw new AppError({ code: Status.UNAVAILABLE, reason: "DOWN", message: "Down." });
      },
      onGiveUp: async (_trx, _event, _error, attempts) => void notices.push(attempts),
    });
    await bus.publish(makeEvent(subject()));
    await until(() => notices.length === 1);
    expect(notices).toEqual([3]);
  });

  it("does not blame an event for our own token being refused", async () => {
    let refused = true;
    await consume({
      handle: async (event, handlerContext) => {
        if (refused) {
          refused = false;
          throw new AppError({ code: Status.UNAUTHENTICATED, reason: "TOKEN_EXPIRED", message: "Too old." });
        }
        await recordEffect?.(event, handlerContext);
      },
    });
    await bus.publish(makeEvent(subject()));
    await until(async () => (await countEffects(store.db)) === 1);
    expect(await listDeadLetters(store.db, 10)).toEqual([]);
  });

  it("gives up an event of which not even the notice can be made", async () => {
    const unreadable = new AppError({ code: Status.DATA_LOSS, reason: "EVENT_MALFORMED", message: "No." });
    await consume({ handle: () => Promise.reject(unreadable), onGiveUp: () => Promise.reject(unreadable) });
    const event = makeEvent(subject());
    await bus.publish(event);
    const letters = () => store.db.selectFrom("dead_letters").select("event_id").execute();
    await until(async () => (await letters()).length === 1);
    expect(await letters()).toEqual([{ event_id: event.id }]);
  });

  it("hands an event in progress at shutdown to the next consumer without counting it as failed", async () => {
    let started = false;
    const first = await consumeRaw(async ({ signal }) => {
      started = true;
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("stopping"))));
    });
    const published = bus.publish(makeEvent(subject()));
    published.catch(() => undefined);
    await until(() => started);
    await first.stop();
    let handled = 0;
    await consumeRaw(async () => {
      handled += 1;
    });
    await until(() => handled === 1);
    await published;
  });

  it("publishes each event once although two relays run, and hands over when one stops", async () => {
    const published: string[] = [];
    const counting = {
      ...spyOn(bus),
      publish: async (event: Parameters<EventBus["publish"]>[0]) => void published.push(event.id),
    };
    const append = () =>
      store.db.transaction().execute((trx) => appendEvent(trx, { type: type(), message: {} }));
    const first = startRelay({ takeOver: false, bus: counting });
    startRelay({ takeOver: false, bus: counting });
    await Promise.all(Array.from({ length: 10 }, append));
    await until(() => published.length === 10);
    await sleep(250);
    expect(new Set(published).size).toBe(10);
    expect(published).toHaveLength(10);
    await first.stop();
    await append();
    await until(() => published.length === 11);
  });

  it("tries again what could not be published", async () => {
    let failures = 0;
    const failing: EventBus = {
      ...spyOn(bus),
      publish: async (event) => {
        if (failures++ < 2) throw new Error("transport down");
        await bus.publish(event);
      },
    };
    await consume({ handle: recordEffect });
    const relay = startRelay({ bus: failing });
    await withOutbox(store.db, relay, (trx) => appendEvent(trx, { type: type(), message: {} }));
    await until(async () => (await countEffects(store.db)) === 1);
  });

  it("sends the outbox again on request, which the inbox recognises", async () => {
    let seen = 0;
    await consume({ handle: recordEffect });
    const watcher = await bus.watch(`ocelli.test.${noun}.*`, () => {
      seen += 1;
    });
    cleanups.push(() => watcher.stop());
    const relay = startRelay();
    await withOutbox(store.db, relay, (trx) => appendEvent(trx, { type: type(), message: {} }));
    await until(async () => (await unsent()) === 0 && (await countEffects(store.db)) === 1);
    expect(await replayOutbox(store.db, { subject: subject() })).toBe(1);
    relay.kick();
    await until(() => seen === 2);
    await until(async () => (await unsent()) === 0);
    expect(await countEffects(store.db)).toBe(1);
  });

  it("keeps one trace from the writer through relay and consumer", async () => {
    exporter.reset();
    await consume({ handle: recordEffect });
    const relay = startRelay();
    const tracer = trace.getTracer("test");
    const root = await tracer.startActiveSpan("request", async (span) => {
      await withOutbox(store.db, relay, (trx) => appendEvent(trx, { type: type(), message: {} }));
      span.end();
      return span.spanContext();
    });
    const named = (name: string) => exporter.getFinishedSpans().find((span) => span.name === name);
    await until(
      () => named(`consume ${subject()}`) !== undefined && named(`publish ${subject()}`) !== undefined,
    );
    const publish = named(`publish ${subject()}`);
    const consumed = named(`consume ${subject()}`);
    expect(publish?.parentSpanContext?.spanId).toBe(root.spanId);
    expect(consumed?.parentSpanContext?.spanId).toBe(publish?.spanContext().spanId);
    expect(consumed?.spanContext().traceId).toBe(root.traceId);
    expect(consumed?.kind).toBe(4);
  });

  it("answers a ping while it is open", async () => {
    await bus.ping();
    await bus.close();
    await expect(bus.ping()).rejects.toThrow();
  });
});

/** The bus as a plain object whose methods can be replaced. */
function spyOn(bus: EventBus): EventBus {
  return {
    kind: bus.kind,
    publish: (event) => bus.publish(event),
    consume: (options) => bus.consume(options),
    watch: (filter, handle) => bus.watch(filter, handle),
    queues: () => bus.queues(),
    ping: () => bus.ping(),
    close: () => bus.close(),
  };
}
