import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { type Kysely, sql } from "kysely";
import type { Logger } from "pino";
import type { BusEvent, EventBus, PublishObserver } from "./bus.ts";
import { RelayLease } from "./relay-lease.ts";
import { purgeEvents, type Retention } from "./retention.ts";
import { type EventTables, eventTables } from "./tables.ts";
import { contextFrom, eventsTracer, traceparentOf } from "./trace-context.ts";
import { createWaker, pause } from "./waker.ts";

/** Settings of {@link createRelay}. */
export interface RelayOptions<Tables extends EventTables> extends Partial<Retention> {
  db: Kysely<Tables>;
  bus: EventBus;
  log: Logger;
  /** Name of the service; one relay of it works at a time. */
  service: string;
  /** How often rows that nobody kicked for are looked for, and failed ones tried again. */
  pollMs?: number;
  /** How long a dead relay keeps its successor waiting. */
  leaseMs?: number;
  /** Most rows read at once. */
  batch?: number;
  /** Most events published and not yet done; an in-process bus is done when all consumers are. */
  window?: number;
  /**
   * Takes the lease at once from a predecessor that died. Right only where no second process can use the same
   * store; by default on the in-process bus, which implies one process.
   */
  takeOver?: boolean;
  /** Told how each attempt to publish ended, for metrics. */
  onPublished?: (outcome: "ok" | "error") => void;
}

/** Publishes what the outbox holds. */
export interface Relay {
  start(): void;
  /** Says that a transaction with events has committed. */
  kick(): void;
  /** Finishes what can be finished within 2 s, and lets another replica take over. */
  stop(): Promise<void>;
}

/** Marks are collected this long, so that a busy moment costs one UPDATE instead of hundreds. */
const markDelayMs = 25;
const stopGraceMs = 2_000;
/**
 * Events in the hands of consumers at once on a bus that hands over directly. Every consumer has a queue of its own;
 * without a bound the fast stages would run ahead of the slow ones, and each photo be fetched and decoded once per
 * stage instead of once (measured: 2.97 times with 36 photos waiting).
 */
const inProcessPace = 8;
const purgeEveryMs = 3_600_000;

/** Creates the relay of one service. Does nothing before `start()`. */
export function createRelay<Tables extends EventTables>(options: RelayOptions<Tables>): Relay {
  return new OutboxRelay({ ...options, db: eventTables(options.db) });
}

class OutboxRelay implements Relay {
  readonly #options: RelayOptions<EventTables>;
  readonly #lease: RelayLease;
  readonly #pollMs: number;
  readonly #batch: number;
  readonly #window: number;
  readonly #waker = createWaker();
  /** Read and not yet marked: being published, waiting for their mark, or cooling off after a failure. */
  readonly #outstanding = new Set<string>();
  readonly #cooling = new Set<NodeJS.Timeout>();
  readonly #pace: number;
  #publishing = 0;
  /** Being published, and not waiting for another try. */
  #inHand = 0;
  #sent: string[] = [];
  #markTimer: NodeJS.Timeout | undefined;
  #look = true;
  #more = false;
  readonly #shutdown = new AbortController();
  #nextPurge = 0;
  #loop: Promise<void> | undefined;

  constructor(options: RelayOptions<EventTables>) {
    const takeOver = options.takeOver ?? options.bus.kind === "in-process";
    this.#options = options;
    this.#pollMs = options.pollMs ?? 1_000;
    this.#batch = options.batch ?? 256;
    this.#window = options.window ?? 512;
    this.#pace = options.bus.kind === "in-process" ? inProcessPace : Number.POSITIVE_INFINITY;
    this.#lease = new RelayLease({
      db: options.db,
      service: options.service,
      leaseMs: options.leaseMs ?? (takeOver ? 60_000 : 10_000),
      takeOver,
    });
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  kick(): void {
    this.#look = true;
    this.#waker.notify();
  }

  async stop(): Promise<void> {
    this.#shutdown.abort();
    this.#waker.notify();
    await this.#loop;
    const deadline = performance.now() + stopGraceMs;
    while (this.#publishing > 0 && performance.now() < deadline) await this.#waker.wait(50);
    clearTimeout(this.#markTimer);
    for (const timer of this.#cooling) clearTimeout(timer);
    try {
      await this.#mark();
      await this.#lease.release();
    } catch (error) {
      this.#options.log.warn({ err: error }, "relay could not sign off; its events will be delivered again");
    }
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#shutdown.signal.aborted) {
      try {
        await this.#mark();
        if (await this.#lease.hold()) await this.#take();
        failures = 0;
      } catch (error) {
        failures += 1;
        this.#look = true;
        this.#options.log.warn({ err: error, failures }, "relay cannot reach its outbox");
        await pause(Math.min(30_000, 100 * 2 ** failures), this.#shutdown.signal);
        continue;
      }
      const notified = await this.#waker.wait(this.#pollMs);
      if (!notified) this.#look = true;
    }
  }

  /** Reads rows that are not yet outstanding. Never by "id greater than the last": long transactions commit late. */
  async #take(): Promise<void> {
    const room = Math.min(this.#window - this.#outstanding.size, this.#pace - this.#inHand);
    const refill = this.#more && room >= Math.min(this.#batch, this.#pace) / 2;
    if (room <= 0 || !(this.#look || refill)) return;
    this.#look = false;
    const limit = Math.min(this.#batch, room);
    let query = this.#options.db
      .selectFrom("outbox")
      .select(["id", "subject", "payload", "traceparent"])
      .where("sent_at", "is", null)
      .orderBy("id")
      .limit(limit);
    if (this.#outstanding.size > 0) {
      query = query.where("id", "<>", sql<string>`all(${[...this.#outstanding]}::uuid[])`);
    }
    const rows = await query.execute();
    this.#more = rows.length === limit;
    for (const row of rows) {
      this.#outstanding.add(row.id);
      void this.#publish({ id: row.id, subject: row.subject, payload: row.payload }, row.traceparent);
    }
    if (this.#more && room > limit) this.#waker.notify();
    await this.#purgeWhenDue();
  }

  async #publish(event: BusEvent, traceparent: string | null): Promise<void> {
    this.#publishing += 1;
    this.#inHand += 1;
    let inHand = true;
    const putDown = () => {
      if (inHand) this.#inHand -= 1;
      inHand = false;
    };
    // An event that waits for another try must not keep others from their turn.
    const observer = {
      onDelayed: () => {
        putDown();
        this.#waker.notify();
      },
    };
    try {
      await publishTraced(this.#options.bus, event, traceparent, observer);
      this.#sent.push(event.id);
      this.#options.onPublished?.("ok");
      this.#markTimer ??= setTimeout(() => this.#waker.notify(), markDelayMs);
    } catch (error) {
      this.#options.onPublished?.("error");
      this.#options.log.warn(
        { err: error, eventId: event.id, subject: event.subject },
        "publish failed; trying again",
      );
      this.#coolOff(event.id);
    } finally {
      this.#publishing -= 1;
      putDown();
    }
  }

  /** Keeps a failed event from being read again by every kick. */
  #coolOff(id: string): void {
    const timer = setTimeout(() => {
      this.#cooling.delete(timer);
      this.#outstanding.delete(id);
      this.kick();
    }, this.#pollMs);
    this.#cooling.add(timer);
  }

  async #mark(): Promise<void> {
    clearTimeout(this.#markTimer);
    this.#markTimer = undefined;
    const ids = this.#sent;
    if (ids.length === 0) return;
    this.#sent = [];
    try {
      await this.#options.db
        .updateTable("outbox")
        .set({ sent_at: sql<Date>`now()` })
        .where("id", "=", sql<string>`any(${ids}::uuid[])`)
        .execute();
    } catch (error) {
      this.#sent.push(...ids);
      throw error;
    }
    for (const id of ids) this.#outstanding.delete(id);
  }

  async #purgeWhenDue(): Promise<void> {
    const now = performance.now();
    if (now < this.#nextPurge) return;
    this.#nextPurge = now + purgeEveryMs;
    await purgeEvents(this.#options.db, this.#options);
  }
}

/** Publishes under a producer span whose parent is the transaction that wrote the event. */
async function publishTraced(
  bus: EventBus,
  event: BusEvent,
  traceparent: string | null,
  observer: PublishObserver,
): Promise<void> {
  const parent = contextFrom(traceparent);
  const span = eventsTracer().startSpan(
    `publish ${event.subject}`,
    {
      kind: SpanKind.PRODUCER,
      attributes: {
        "messaging.system": bus.kind,
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
        "messaging.destination.name": event.subject,
        "messaging.message.id": event.id,
        "messaging.message.body.size": event.payload.byteLength,
      },
    },
    parent,
  );
  const producer = trace.setSpan(parent, span);
  const header = traceparentOf(producer);
  try {
    const published = context.with(producer, () =>
      bus.publish(header ? { ...event, traceparent: header } : event, observer),
    );
    // There publishing lasts as long as the consumers work, which have their own spans.
    if (bus.kind === "in-process") span.end();
    await published;
  } catch (error) {
    span.setAttribute("error.type", error instanceof Error ? error.name : "unknown");
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    if (bus.kind !== "in-process") span.end();
  }
}
