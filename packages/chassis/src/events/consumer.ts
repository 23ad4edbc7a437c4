import type { EventType } from "@ocelli/contracts";
import type { Kysely, Transaction } from "kysely";
import { Status } from "nice-grpc-common";
import type { Logger } from "pino";
import { AppError } from "../errors/app-error.ts";
import { type BusEvent, type Delivery, type EventBus, type Subscription, subjectMatches } from "./bus.ts";
import { giveUp, watchDeadLetters } from "./dead-letters.ts";
import type { DeliveryObserver, DeliveryOutcome } from "./delivery-metrics.ts";
import { inDeliverySpan, noteDeadLetter, noteOverload } from "./delivery-span.ts";
import { claimEvent, isProcessed } from "./inbox.ts";
import type { Relay } from "./relay.ts";
import type { EventTables } from "./tables.ts";
import { pause } from "./waker.ts";

/** What a handler gets beside the event. */
export interface HandlerContext<Tables extends EventTables> {
  /** 1 for the first delivery. */
  readonly attempt: number;
  /** True when a failure of this delivery is final. */
  readonly last: boolean;
  /** Aborted on shutdown. */
  readonly signal: AbortSignal;
  /**
   * Runs the effect in a transaction that also claims the event, so that it happens once however often the event
   * is delivered. Append follow-up events in it.
   * @returns false when the effect had happened before; then nothing was done.
   */
  once(effect: (trx: Transaction<Tables>) => Promise<void>): Promise<boolean>;
}

/** Handles one event; may be called several times for the same one. */
export type EventHandler<Tables extends EventTables> = (
  event: BusEvent,
  context: HandlerContext<Tables>,
) => Promise<void>;

export type { DeliveryObserver, DeliveryOutcome } from "./delivery-metrics.ts";

/** Settings of {@link consumeEvents}. */
export interface ConsumeOptions<Tables extends EventTables> {
  bus: EventBus;
  db: Kysely<Tables>;
  log: Logger;
  /** Durable name, e.g. `captioning-ocr`; replicas share it. Never reuse it for another purpose. */
  consumer: string;
  /** Subject filter, `*` for one token, `>` for the rest. */
  filter: string;
  /** Deliveries handled at once in this process. Default 4. */
  concurrency?: number;
  /**
   * The handler costs no more than looking into the inbox does: first deliveries, which are hardly ever of a processed
   * event, go to it directly, and its claim decides.
   */
  cheap?: boolean;
  /** Deliveries before the event is given up. Default 5. */
  maxDeliver?: number;
  /** Waits between deliveries; the last one repeats. Default 1 s, 5 s, 30 s, 5 min. */
  backoffMs?: readonly number[];
  /** Handlers by subject or subject filter; the first match is called, other subjects are passed over. */
  handlers?: Readonly<Record<string, EventHandler<Tables>>>;
  /** One handler for all subjects, instead of {@link ConsumeOptions.handlers}. */
  handle?: EventHandler<Tables>;
  /** Woken after every transaction of this consumer, so that events appended there leave at once. */
  relay?: Pick<Relay, "kick">;
  /** Runs in the transaction that records the dead letter; typically appends a `photoStageFailed` event. */
  onGiveUp?(trx: Transaction<Tables>, event: BusEvent, error: AppError, attempts: number): Promise<void>;
  /** Told of each delivery, for metrics. */
  observer?: DeliveryObserver;
  /** How often dead letters marked for replay are looked for. Default 5 s. */
  replayPollMs?: number;
}

/** Default waits between deliveries. */
export const defaultBackoffMs: readonly number[] = [1_000, 5_000, 30_000, 300_000];

/** How long one delivery waits for an overloaded dependency before it counts as failed. */
const overloadPatienceMs = 120_000;

/**
 * Consumes events with tracing, de-duplication, retries and dead letters. Errors that a retry cannot cure end in the
 * dead-letter table at once, the others after `maxDeliver` deliveries.
 */
export async function consumeEvents<Tables extends EventTables>(
  options: ConsumeOptions<Tables>,
): Promise<Subscription> {
  const maxDeliver = options.maxDeliver ?? 5;
  const backoffMs = options.backoffMs ?? defaultBackoffMs;
  const deliver = (delivery: Delivery) => observed(options, delivery);
  const subscription = await options.bus.consume({
    name: options.consumer,
    filter: options.filter,
    concurrency: options.concurrency ?? 4,
    maxDeliver,
    backoffMs,
    handle: deliver,
  });
  const replays = watchDeadLetters({
    ...options,
    maxDeliver,
    backoffMs,
    deliver,
    pollMs: options.replayPollMs ?? 5_000,
  });
  return {
    async stop() {
      await Promise.all([subscription.stop(), replays.stop()]);
    },
  };
}

/** A handler that gets the decoded message. */
export function typedHandler<T, Tables extends EventTables>(
  type: EventType<T>,
  handle: (message: T, context: HandlerContext<Tables>, event: BusEvent) => Promise<void>,
): EventHandler<Tables> {
  return async (event, handlerContext) => handle(decodeEvent(type, event), handlerContext, event);
}

/**
 * Decodes an event's message.
 * @throws AppError DATA_LOSS/EVENT_MALFORMED, which is not retried.
 */
export function decodeEvent<T>(type: EventType<T>, event: BusEvent): T {
  try {
    return type.message.decode(event.payload);
  } catch (error) {
    throw new AppError({
      code: Status.DATA_LOSS,
      reason: "EVENT_MALFORMED",
      message: `The event ${event.subject} cannot be decoded.`,
      cause: error,
    });
  }
}

function handlerFor<Tables extends EventTables>(
  options: ConsumeOptions<Tables>,
  subject: string,
): EventHandler<Tables> | undefined {
  for (const [filter, handler] of Object.entries(options.handlers ?? {})) {
    if (subjectMatches(filter, subject)) return handler;
  }
  return options.handle;
}

async function observed<Tables extends EventTables>(
  options: ConsumeOptions<Tables>,
  delivery: Delivery,
): Promise<void> {
  const handler = handlerFor(options, delivery.event.subject);
  if (!handler) return;
  const { bus, consumer, observer } = options;
  await inDeliverySpan(bus.kind, consumer, delivery, async () => {
    const startedAt = performance.now();
    let outcome: DeliveryOutcome = "retry";
    observer?.onStarted(delivery);
    try {
      outcome = await attemptDelivery(options, delivery, handler);
    } finally {
      observer?.onEnded(outcome, (performance.now() - startedAt) / 1000);
    }
  });
}

async function attemptDelivery<Tables extends EventTables>(
  options: ConsumeOptions<Tables>,
  delivery: Delivery,
  handler: EventHandler<Tables>,
): Promise<DeliveryOutcome> {
  const { event, attempt, signal } = delivery;
  if (!(options.cheap && attempt === 1) && (await wasProcessed(options, delivery))) return "done";
  if (attempt > (options.maxDeliver ?? 5)) {
    // Whatever killed the process during the last delivery must not get the chance to do so forever.
    const lost = lostDelivery();
    noteDeadLetter(lost.reason);
    await giveUp(options, delivery, lost);
    return "dead";
  }
  try {
    await handlePatiently(options, delivery, handler);
    return "done";
  } catch (error) {
    if (signal.aborted) throw error;
    const appError = AppError.from(error);
    const fields = {
      err: error,
      eventId: event.id,
      subject: event.subject,
      consumer: options.consumer,
      attempt,
    };
    if (mayPass(appError) && !delivery.last) {
      options.log.warn(fields, "event failed; it will be delivered again");
      throw error;
    }
    options.log.error(fields, "event given up");
    noteDeadLetter(appError.reason);
    await giveUp(options, delivery, appError);
    return "dead";
  }
}

/**
 * Whether another try may go well. Nobody's token comes with an event: one that is refused is our own, of a service whose
 * clock is wrong or that does not know the newest key yet, and no fault of the event.
 */
function mayPass(error: AppError): boolean {
  return error.retryable || error.code === Status.UNAUTHENTICATED;
}

/** Waits for the store rather than failing: an outage must not use up the deliveries of every event. */
async function wasProcessed<Tables extends EventTables>(
  options: ConsumeOptions<Tables>,
  { event, signal }: Delivery,
): Promise<boolean> {
  for (let failures = 0; ; failures += 1) {
    try {
      return await isProcessed(options.db, options.consumer, event.id);
    } catch (error) {
      if (signal.aborted) throw error;
      options.log.warn({ err: error, consumer: options.consumer, failures }, "inbox not readable; waiting");
      await pause(Math.min(10_000, 200 * 2 ** failures), signal);
      if (signal.aborted) throw error;
    }
  }
}

/** Overload is waited out with the delivery in hand, which also keeps this consumer from taking more work. */
async function handlePatiently<Tables extends EventTables>(
  options: ConsumeOptions<Tables>,
  delivery: Delivery,
  handler: EventHandler<Tables>,
): Promise<void> {
  const { event, attempt, last, signal } = delivery;
  const once: HandlerContext<Tables>["once"] = async (effect) => {
    const done = await options.db.transaction().execute(async (trx) => {
      const isNew = await claimEvent(trx, options.consumer, event.id);
      if (isNew) await effect(trx);
      return isNew;
    });
    if (done) options.relay?.kick();
    return done;
  };
  const deadline = performance.now() + overloadPatienceMs;
  for (;;) {
    try {
      return await handler(event, { attempt, last, signal, once });
    } catch (error) {
      const { code, reason, retryAfterMs } = AppError.from(error);
      // A service that is not even asked at the moment was not tried: that is no failure of this delivery.
      const overload = code === Status.RESOURCE_EXHAUSTED || reason === "CIRCUIT_OPEN";
      // Without a time to come back, RESOURCE_EXHAUSTED speaks of something that will never fit.
      const passing = overload && retryAfterMs !== undefined;
      if (!passing || performance.now() > deadline) throw error;
      const waitMs = Math.min(retryAfterMs, 30_000);
      noteOverload(reason, waitMs);
      await pause(waitMs, signal);
      if (signal.aborted) throw error;
    }
  }
}

function lostDelivery(): AppError {
  return new AppError({
    code: Status.INTERNAL,
    reason: "DELIVERIES_LOST",
    message: "The process ended during every attempt to handle this event.",
  });
}
