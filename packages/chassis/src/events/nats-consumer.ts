import type { Consumer, ConsumerMessages, JsMsg } from "@nats-io/jetstream";
import type { Logger } from "pino";
import { type BusEvent, backoffFor, type ConsumerOptions, type Subscription } from "./bus.ts";
import { pause } from "./waker.ts";

/** What a {@link NatsConsumer} is given by its bus. */
export interface NatsConsumerOptions {
  options: ConsumerOptions;
  log: Logger;
  /** How long the server waits for a sign of life before it delivers an event to somebody else. */
  ackWaitMs: number;
  open(): Promise<Consumer>;
  /** Creates stream and consumer again after the server lost them. */
  restore(): Promise<void>;
  toEvent(message: JsMsg): BusEvent | undefined;
}

/** One pull lives this long; also how soon a silently dead pull is noticed. */
const pullMs = 15_000;

/**
 * Works off a durable pull consumer. Each of its workers asks for one message when it has none: buffered messages
 * would be delivered to other replicas a second time while they wait here.
 */
export class NatsConsumer implements Subscription {
  readonly #settings: NatsConsumerOptions;
  readonly #shutdown = new AbortController();
  readonly #pulls = new Set<ConsumerMessages>();
  readonly #workers: Promise<void>[];

  constructor(settings: NatsConsumerOptions) {
    this.#settings = settings;
    this.#workers = Array.from({ length: settings.options.concurrency }, () => this.#work());
  }

  async stop(): Promise<void> {
    this.#shutdown.abort();
    for (const pull of this.#pulls) pull.stop();
    await Promise.allSettled(this.#workers);
  }

  async #work(): Promise<void> {
    const { signal } = this.#shutdown;
    const { log, options, open, restore } = this.#settings;
    let consumer: Consumer | undefined;
    let failures = 0;
    while (!signal.aborted) {
      try {
        consumer ??= await open();
        const message = await this.#next(consumer);
        failures = 0;
        if (message && signal.aborted) message.nak();
        else if (message) await this.#handle(message);
      } catch (error) {
        if (signal.aborted) return;
        consumer = undefined;
        failures += 1;
        log.debug({ err: error, consumer: options.name, failures }, "event consumer interrupted");
        await pause(Math.min(10_000, 100 * 2 ** failures), signal);
        await restore().catch(() => undefined);
      }
    }
  }

  async #next(consumer: Consumer): Promise<JsMsg | undefined> {
    const pull = await consumer.fetch({ max_messages: 1, expires: pullMs });
    this.#pulls.add(pull);
    if (this.#shutdown.signal.aborted) pull.stop();
    let received: JsMsg | undefined;
    try {
      for await (const message of pull) received = message;
    } finally {
      this.#pulls.delete(pull);
    }
    return received;
  }

  async #handle(message: JsMsg): Promise<void> {
    const { ackWaitMs, options, log, toEvent } = this.#settings;
    const { signal } = this.#shutdown;
    const event = toEvent(message);
    if (!event) {
      log.warn({ subject: message.subject, seq: message.seq }, "message without an event id refused");
      message.term();
      return;
    }
    const attempt = message.info.deliveryCount;
    const last = attempt >= options.maxDeliver;
    // With room for two lost ones.
    const heartbeat = setInterval(() => beat(message), ackWaitMs / 3);
    try {
      await options.handle({ event, attempt, last, signal });
      message.ack();
    } catch {
      if (signal.aborted) message.nak();
      else if (last) message.term();
      else message.nak(backoffFor(options.backoffMs, attempt));
    } finally {
      clearInterval(heartbeat);
    }
  }
}

function beat(message: JsMsg): void {
  try {
    message.working();
  } catch {
    // The connection is closed. Thrown from a timer this would end the process; the event is delivered again anyway.
  }
}
