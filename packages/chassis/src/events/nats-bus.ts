import type { JetStreamManager, JsMsg } from "@nats-io/jetstream";
import {
  AckPolicy,
  DeliverPolicy,
  type JetStreamClient,
  jetstream,
  jetstreamManager,
} from "@nats-io/jetstream";
import { connect, headers, type Msg, type NatsConnection, nanos } from "@nats-io/transport-node";
import type { Logger } from "pino";
import type { BusEvent, ConsumerOptions, EventBus, QueueState, Subscription } from "./bus.ts";
import { isEventId } from "./event-id.ts";
import { NatsConsumer } from "./nats-consumer.ts";

/** Settings of {@link connectNatsBus}. */
export interface NatsBusOptions {
  /** `nats://[user:password@|token@]host:port`, several separated by commas. */
  url: string;
  /** Name of this connection in the server's monitoring. */
  name: string;
  log: Logger;
  /** JetStream stream that holds all events. */
  stream?: string;
  /** Copies of the stream in a NATS cluster. */
  replicas?: number;
  /** How long a process may be silent about an event before another one gets it; 30 s when absent. */
  ackWaitMs?: number;
}

/** Subjects of the stream. */
const streamSubjects = ["ocelli.>"];
const maxAgeMs = 7 * 86_400_000;
const duplicateWindowMs = 120_000;
/** Long enough for an event loop that is busy for seconds. */
const defaultAckWaitMs = 30_000;
const idHeader = "Nats-Msg-Id";
const traceHeader = "traceparent";

/**
 * Connects to NATS JetStream, and creates or updates the stream. Reconnects by itself for as long as it is open.
 * @throws the transport's error when no server answers.
 */
export async function connectNatsBus(options: NatsBusOptions): Promise<EventBus> {
  const connection = await connect({
    ...parseServers(options.url),
    name: options.name,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 500,
    // Otherwise two refusals in a row, as while credentials are exchanged, would end the connection for good.
    ignoreAuthErrorAbort: true,
    timeout: 5_000,
  });
  try {
    const manager = await jetstreamManager(connection);
    const bus = new NatsBus(options, connection, manager);
    await bus.ensureStream();
    return bus;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

class NatsBus implements EventBus {
  readonly kind = "nats";
  readonly #options: NatsBusOptions;
  readonly #stream: string;
  readonly #ackWaitMs: number;
  readonly #connection: NatsConnection;
  readonly #manager: JetStreamManager;
  readonly #client: JetStreamClient;
  readonly #subscriptions = new Set<Subscription>();
  /** Filters by durable name of what this process consumes. */
  readonly #consumed = new Map<string, string>();

  constructor(options: NatsBusOptions, connection: NatsConnection, manager: JetStreamManager) {
    this.#options = options;
    this.#stream = options.stream ?? "OCELLI";
    this.#ackWaitMs = options.ackWaitMs ?? defaultAckWaitMs;
    this.#connection = connection;
    this.#manager = manager;
    this.#client = jetstream(connection);
  }

  /** Creates the stream, or brings what this code owns of an existing one up to date. */
  async ensureStream(): Promise<void> {
    const wanted = {
      subjects: streamSubjects,
      max_age: nanos(maxAgeMs),
      duplicate_window: nanos(duplicateWindowMs),
    };
    const { streams } = this.#manager;
    try {
      await streams.update(this.#stream, wanted);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      await streams.add({ name: this.#stream, num_replicas: this.#options.replicas ?? 1, ...wanted });
    }
  }

  async publish(event: BusEvent): Promise<void> {
    const fields = headers();
    if (event.traceparent) fields.set(traceHeader, event.traceparent);
    try {
      await this.#client.publish(event.subject, event.payload, {
        msgID: event.id,
        headers: fields,
        timeout: 5_000,
      });
    } catch (error) {
      // A server that lost its disk has no stream; the next try finds it.
      if (!this.#connection.isClosed()) await this.ensureStream().catch(() => undefined);
      throw error;
    }
  }

  async consume(consumer: ConsumerOptions): Promise<Subscription> {
    await this.#ensureConsumer(consumer);
    this.#consumed.set(consumer.name, consumer.filter);
    const running = new NatsConsumer({
      options: consumer,
      log: this.#options.log,
      ackWaitMs: this.#ackWaitMs,
      open: () => this.#client.consumers.get(this.#stream, consumer.name),
      restore: async () => {
        await this.ensureStream();
        await this.#ensureConsumer(consumer);
      },
      toEvent: eventOf,
    });
    return this.#track(running);
  }

  async watch(filter: string, handle: (event: BusEvent) => void): Promise<Subscription> {
    const subscription = this.#connection.subscribe(filter, {
      callback: (error, message) => {
        const event = error ? undefined : eventOf(message);
        if (!event) return;
        try {
          handle(event);
        } catch (cause) {
          this.#options.log.warn({ err: cause, subject: event.subject }, "watcher failed");
        }
      },
    });
    // Without this the server may see a following publish before the subscription.
    await this.#connection.flush();
    return this.#track({ stop: async () => subscription.unsubscribe() });
  }

  async queues(): Promise<QueueState[]> {
    return Promise.all([...this.#consumed].map(([name, filter]) => this.#queue(name, filter)));
  }

  async ping(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("NATS did not answer within 2 s")), 2_000);
    });
    const answer = this.#connection.rtt();
    answer.catch(() => undefined);
    await Promise.race([answer, late]).finally(() => clearTimeout(timer));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.stop()));
    if (this.#connection.isClosed()) return;
    // A drain waits for the server; without one it would never end.
    const drained = this.#connection.drain().catch(() => undefined);
    const late = setTimeout(() => void this.#connection.close(), 2_000);
    await Promise.race([drained, this.#connection.closed()]);
    clearTimeout(late);
  }

  async #queue(consumer: string, filter: string): Promise<QueueState> {
    const { consumers, streams } = this.#manager;
    const {
      num_pending: pending,
      num_ack_pending: unacked,
      ack_floor,
    } = await consumers.info(this.#stream, consumer);
    if (pending + unacked === 0) return { consumer, pending, unacked, oldestMs: 0 };
    // Everything up to the floor is done; the first match above it is the oldest that is not, or was done out of turn.
    const next = { seq: ack_floor.stream_seq + 1, next_by_subj: filter };
    const oldest = await streams.getMessage(this.#stream, next);
    return {
      consumer,
      pending,
      unacked,
      oldestMs: oldest ? Math.max(0, Date.now() - oldest.time.getTime()) : 0,
    };
  }

  async #ensureConsumer(consumer: ConsumerOptions): Promise<void> {
    const mutable = {
      filter_subject: consumer.filter,
      ack_wait: nanos(this.#ackWaitMs),
      // Deliveries are counted here, not there: a server that stops delivering would lose the event of a process
      // that died during the last delivery.
      max_deliver: -1,
      max_ack_pending: 10_000,
    };
    const { consumers } = this.#manager;
    try {
      await consumers.info(this.#stream, consumer.name);
      await consumers.update(this.#stream, consumer.name, mutable);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      await consumers.add(this.#stream, {
        durable_name: consumer.name,
        ack_policy: AckPolicy.Explicit,
        deliver_policy: DeliverPolicy.All,
        ...mutable,
      });
    }
  }

  #track(subscription: Subscription): Subscription {
    const tracked: Subscription = {
      stop: async () => {
        this.#subscriptions.delete(tracked);
        await subscription.stop();
      },
    };
    this.#subscriptions.add(tracked);
    return tracked;
  }
}

/** The event in a message; undefined for a message that no outbox wrote. */
function eventOf(message: Msg | JsMsg): BusEvent | undefined {
  const id = message.headers?.get(idHeader) ?? "";
  if (!isEventId(id)) return undefined;
  const traceparent = message.headers?.get(traceHeader);
  return { id, subject: message.subject, payload: message.data, ...(traceparent ? { traceparent } : {}) };
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && /(stream|consumer) not found/i.test(error.message);
}

interface ServerOptions {
  servers: string[];
  user?: string;
  pass?: string;
  token?: string;
  tls?: Record<string, never>;
}

/**
 * Takes `user:password@` or, as NATS writes it, `token@` out of the URLs; all servers share one login. One `tls://`
 * makes encryption compulsory: a login never goes to a server that offers none.
 */
function parseServers(urls: string): ServerOptions {
  const parsed = urls
    .split(",")
    .map((url) => new URL(url.includes("://") ? url.trim() : `nats://${url.trim()}`));
  const login = parsed.find((url) => url.username !== "");
  const encrypted = parsed.some((url) => url.protocol === "tls:");
  const options = { servers: parsed.map((url) => url.host), ...(encrypted ? { tls: {} } : {}) };
  if (!login) return options;
  const name = decodeURIComponent(login.username);
  if (login.password === "") return { ...options, token: name };
  return { ...options, user: name, pass: decodeURIComponent(login.password) };
}
