/** An event as it travels: the outbox row without its bookkeeping. */
export interface BusEvent {
  /** Outbox id (UUIDv7); the same on every redelivery. */
  readonly id: string;
  /** `ocelli.<service>.<noun>.<verb>`. */
  readonly subject: string;
  /** Encoded protobuf message. */
  readonly payload: Uint8Array;
  /** W3C `traceparent` of the transaction that wrote the event. */
  readonly traceparent?: string;
}

/** What a consumer is told about one delivery. */
export interface Delivery {
  readonly event: BusEvent;
  /** 1 for the first delivery; above `maxDeliver` when the process died during the last one. */
  readonly attempt: number;
  /** True when no further delivery will follow a failure of this one. */
  readonly last: boolean;
  /** True when an operator asked for the event to be handled again after it was given up. */
  readonly replay?: boolean;
  /** Aborted on shutdown. */
  readonly signal: AbortSignal;
}

/** A durable work queue over matching subjects, shared by all replicas that use the same name. */
export interface ConsumerOptions {
  /** Durable name, e.g. `captioning-ocr`. */
  readonly name: string;
  /** Subject filter, `*` for one token, `>` for the rest. */
  readonly filter: string;
  /** Deliveries handled at once in this process. */
  readonly concurrency: number;
  /** Deliveries before the event is given up. */
  readonly maxDeliver: number;
  /** Wait before the 2nd, 3rd … delivery; the last entry repeats. */
  readonly backoffMs: readonly number[];
  /**
   * Resolves: done. Rejects: delivered again after the back-off, unless it was the last delivery. A rejection after
   * the signal was aborted is no failure: the event goes to whoever consumes next.
   */
  handle(delivery: Delivery): Promise<void>;
}

/** Something running that can be stopped. */
export interface Subscription {
  /** Stops taking new deliveries and waits for those in hand. */
  stop(): Promise<void>;
}

/** Is told how an event fares whose publishing lasts. */
export interface PublishObserver {
  /** A consumer failed and waits before it tries again; called at most once per consumer. */
  onDelayed(): void;
}

/** The work that a consumer has before it. */
export interface QueueState {
  /** Durable name. */
  readonly consumer: string;
  /** Events not yet delivered once. */
  readonly pending: number;
  /** Events delivered and not done: in hand somewhere, or waiting for another try. */
  readonly unacked: number;
  /** Age of the oldest of both; 0 when there is none. */
  readonly oldestMs: number;
}

/** At-least-once events between services, and best-effort live watching. */
export interface EventBus {
  /** `nats` or `in-process`. */
  readonly kind: string;
  /** Resolves when the event is safe: accepted by the transport, or handled by every consumer of this process. */
  publish(event: BusEvent, observer?: PublishObserver): Promise<void>;
  consume(options: ConsumerOptions): Promise<Subscription>;
  /** Every matching event from now on, to every watcher, best effort. */
  watch(filter: string, handle: (event: BusEvent) => void): Promise<Subscription>;
  /** The queues of the consumers of this process. */
  queues(): Promise<QueueState[]>;
  /** Rejects when the transport is not connected. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** True when `subject` matches a filter with `*` and `>` wildcards. */
export function subjectMatches(filter: string, subject: string): boolean {
  const wanted = filter.split(".");
  const tokens = subject.split(".");
  for (const [index, token] of wanted.entries()) {
    if (token === ">") return tokens.length > index;
    if (tokens[index] === undefined || (token !== "*" && token !== tokens[index])) return false;
  }
  return wanted.length === tokens.length;
}

/** Wait after the given attempt (1 for the first) failed. */
export function backoffFor(backoffMs: readonly number[], attempt: number): number {
  return backoffMs[Math.min(attempt, backoffMs.length) - 1] ?? 1_000;
}
