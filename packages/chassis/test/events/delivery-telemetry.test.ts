import { randomUUID } from "node:crypto";
import { createNatsServer, type NatsServer, natsInstalled } from "@ocelli/testkit";
import { type Span, SpanStatusCode, trace } from "@opentelemetry/api";
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { Status } from "nice-grpc-common";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "../../../embedded-database/src/index.ts";
import type { Database } from "../../src/database/database.ts";
import { AppError } from "../../src/errors/app-error.ts";
import {
  type BusEvent,
  connectNatsBus,
  consumeEvents,
  createInProcessBus,
  type EventBus,
  measureDeliveries,
  replayDeadLetters,
  type Subscription,
  sampleQueues,
} from "../../src/events/index.ts";
import { sampleEventStore } from "../../src/events/store-gauges.ts";
import { traceparentOf } from "../../src/events/trace-context.ts";
import { createMetrics, type Metrics } from "../../src/telemetry/metrics.ts";
import { log, makeEvent, openTestStore, type TestTables, until } from "./harness.ts";

let embedded: EmbeddedDatabase;
let nats: NatsServer | undefined;
const exporter = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
provider.register();

beforeAll(async () => {
  embedded = await startEmbeddedDatabase();
  if (!natsInstalled) return;
  nats = await createNatsServer();
  await nats.start();
}, 60_000);

afterAll(async () => {
  await nats?.dispose();
  await embedded.close();
});

const kinds: [string, boolean, () => Promise<EventBus>][] = [
  ["in-process", true, async () => createInProcessBus()],
  ["nats", natsInstalled, () => connectNatsBus({ url: nats?.url ?? "", name: "test", log })],
];

describe.each(kinds)("deliveries over the %s bus", (_, available, connect) => {
  let bus: EventBus;
  let store: Database<TestTables>;
  let metrics: Metrics;
  let consumer: string;
  let subject: string;
  let running: Subscription | undefined;

  beforeEach(async ({ skip }) => {
    if (!available) skip("nats-server is not installed");
    consumer = `c-${randomUUID().slice(0, 8)}`;
    subject = `ocelli.test.${consumer}.done`;
    metrics = createMetrics();
    bus = await connect();
    store = await openTestStore(embedded.url);
    exporter.reset();
  });

  afterEach(async () => {
    await running?.stop();
    running = undefined;
    await bus?.close();
    await store?.close();
  });

  async function consume(handle: () => Promise<void>): Promise<void> {
    running = await consumeEvents<TestTables>({
      bus,
      db: store.db,
      log,
      consumer,
      filter: subject,
      concurrency: 1,
      maxDeliver: 2,
      backoffMs: [20],
      replayPollMs: 30,
      observer: measureDeliveries(metrics, consumer),
      handle,
    });
  }

  /** An event that a span wrote. */
  function tracedEvent(): { event: BusEvent; writer: Span } {
    return trace.getTracer("test").startActiveSpan("writer", (writer) => {
      writer.end();
      const traceparent = traceparentOf() ?? "";
      return { event: { ...makeEvent(subject), traceparent }, writer };
    });
  }

  const consumed = () => exporter.getFinishedSpans().filter(({ name }) => name === `consume ${subject}`);

  async function value(name: string): Promise<number | undefined> {
    const { body } = await metrics.expose();
    const line = body.split("\n").find((each) => each.startsWith(`${name}{consumer="${consumer}"`));
    return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(" ") + 1));
  }

  it("shows every attempt beside the others, the giving up, and the replay in a trace of its own", async () => {
    let working = false;
    await consume(async () => {
      if (working) return;
      throw new AppError({ code: Status.UNAVAILABLE, reason: "NOT_THERE", message: "Maria's secret." });
    });
    const { event, writer } = tracedEvent();
    void bus.publish(event);
    await until(() => consumed().length === 2);
    const writerSpan = writer.spanContext();
    expect(consumed().map(({ attributes }) => attributes["ocelli.delivery.attempt"])).toEqual([1, 2]);
    for (const span of consumed()) {
      expect(span.parentSpanContext?.spanId).toBe(writerSpan.spanId);
      expect(span.status).toEqual({ code: SpanStatusCode.ERROR, message: "NOT_THERE" });
      expect(span.attributes).toMatchObject({ "error.type": "NOT_THERE", "messaging.message.id": event.id });
      expect(JSON.stringify(span.attributes)).not.toContain("secret");
    }
    expect(consumed().map(({ events }) => events.map(({ name }) => name))).toEqual([
      [],
      ["ocelli.dead_letter"],
    ]);

    working = true;
    await until(async () => (await replayDeadLetters(store.db, { consumer })) === 1);
    await until(() => consumed().length === 3);
    const replay = consumed()[2];
    expect(replay?.parentSpanContext).toBeUndefined();
    expect(replay?.spanContext().traceId).not.toBe(writerSpan.traceId);
    expect(replay?.links.map(({ context }) => context.spanId)).toEqual([writerSpan.spanId]);
    expect(replay?.attributes["ocelli.delivery.replay"]).toBe(true);
    expect(replay?.status.code).toBe(SpanStatusCode.UNSET);

    expect(await value("ocelli_event_redeliveries_total")).toBe(1);
    expect(await value("ocelli_event_dead_letters_total")).toBe(1);
    expect(await value("ocelli_event_replays_total")).toBe(1);
    expect(await value("ocelli_event_in_flight")).toBe(0);
  });

  it("notes in the span that an overloaded dependency is waited for", async () => {
    let calls = 0;
    await consume(async () => {
      calls += 1;
      if (calls > 1) return;
      const overload = {
        code: Status.RESOURCE_EXHAUSTED,
        reason: "QUEUE_FULL",
        message: "",
        retryAfterMs: 5,
      };
      throw new AppError(overload);
    });
    await bus.publish(tracedEvent().event);
    await until(() => consumed().length === 1);
    expect(consumed()[0]?.events).toMatchObject([
      { name: "ocelli.overload", attributes: { "error.type": "QUEUE_FULL", "ocelli.wait.ms": 5 } },
    ]);
    expect(consumed()[0]?.status.code).toBe(SpanStatusCode.UNSET);
  });

  it("shows what waits, what is in hand, and how old the oldest is", async () => {
    const gate = Promise.withResolvers<void>();
    await consume(() => gate.promise);
    const sample = sampleQueues(bus, metrics);
    const read = async () => {
      await sample();
      return [await value("ocelli_event_queue_pending"), await value("ocelli_event_queue_unacked")];
    };
    expect(await read()).toEqual([0, 0]);
    expect(await value("ocelli_event_queue_oldest_seconds")).toBe(0);
    for (let count = 0; count < 3; count += 1) void bus.publish(makeEvent(subject));
    await until(async () => `${await read()}` === "2,1");
    expect(await value("ocelli_event_in_flight")).toBe(1);
    expect(await value("ocelli_event_queue_oldest_seconds")).toBeGreaterThan(0);
    gate.resolve();
    await until(async () => `${await read()}` === "0,0");
  });
});

it("the store's gauges tell of unsent events and dead letters, and of their absence", async () => {
  const store = await openTestStore(embedded.url);
  const metrics = createMetrics();
  const { db, schema } = store;
  const sample = sampleEventStore({ db, schema, consumers: () => ["calm", "troubled"], metrics });
  const own = async () => {
    await sample();
    const { body } = await metrics.expose();
    return body.split("\n").filter((line) => /^ocelli_(outbox_unsent|event_dead_letters)\{/.test(line));
  };
  const letters = (calm: number, troubled: number) => [
    `ocelli_event_dead_letters{consumer="calm"} ${calm}`,
    `ocelli_event_dead_letters{consumer="troubled"} ${troubled}`,
  ];
  expect(await own()).toEqual([...letters(0, 0), `ocelli_outbox_unsent{store="${schema}"} 0`]);
  const row = { subject: "ocelli.test.x.y", payload: Buffer.from(""), traceparent: null };
  const created_at = new Date(Date.now() - 90_000);
  await db
    .insertInto("outbox")
    .values([1, 2].map(() => ({ ...row, id: randomUUID(), created_at, sent_at: null })))
    .execute();
  const letter = { ...row, consumer: "troubled", reason: "X", message: "", attempts: 1 };
  const requests = { replay_requested_at: null, replay_started_at: null };
  await db
    .insertInto("dead_letters")
    .values({ ...letter, ...requests, id: randomUUID(), event_id: randomUUID() })
    .execute();
  expect(await own()).toEqual([...letters(0, 1), `ocelli_outbox_unsent{store="${schema}"} 2`]);
  const { body } = await metrics.expose();
  const age = new RegExp(`^ocelli_outbox_oldest_unsent_seconds\\{store="${schema}"\\} ([\\d.]+)$`, "m").exec(
    body,
  );
  expect(Number(age?.[1])).toBeGreaterThan(89);
  expect(Number(age?.[1])).toBeLessThan(150);
  await db.deleteFrom("outbox").execute();
  await db.deleteFrom("dead_letters").execute();
  expect(await own()).toEqual([...letters(0, 0), `ocelli_outbox_unsent{store="${schema}"} 0`]);
  await store.close();
});
