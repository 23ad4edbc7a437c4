import {
  type BusEvent,
  backoffFor,
  type ConsumerOptions,
  type PublishObserver,
  type QueueState,
  type Subscription,
} from "./bus.ts";

interface Item {
  event: BusEvent;
  attempt: number;
  /** `performance.now()` when it was added. */
  addedAt: number;
  observer: PublishObserver | undefined;
  done(): void;
  fail(error: Error): void;
}

interface Member {
  options: ConsumerOptions;
  running: Set<Promise<void>>;
  shutdown: AbortController;
}

/** The queue of one consumer name in the in-process bus, worked off by its members. */
export class WorkQueue {
  readonly filter: string;
  readonly #members = new Set<Member>();
  /** Ready to be handled. An array with a moving head would do for millions; thousands are the bound here. */
  #ready: Item[] = [];
  readonly #waiting = new Map<Item, NodeJS.Timeout>();
  /** Everything that is not done, in the order in which it came. */
  readonly #open = new Set<Item>();
  #closed = false;

  constructor(filter: string) {
    this.filter = filter;
  }

  /** Resolves when the event is handled or given up; rejects when the queue closes before. */
  add(event: BusEvent, observer?: PublishObserver): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new Error("the event bus is closed"));
      const addedAt = performance.now();
      const item = { event, attempt: 1, addedAt, observer, done: resolve, fail: reject };
      this.#open.add(item);
      this.#ready.push(item);
      this.#pump();
    });
  }

  /** What there is to do. */
  state(): Omit<QueueState, "consumer"> {
    const [oldest] = this.#open;
    const pending = this.#ready.reduce((count, { attempt }) => count + (attempt === 1 ? 1 : 0), 0);
    const oldestMs = oldest ? performance.now() - oldest.addedAt : 0;
    return { pending, unacked: this.#open.size - pending, oldestMs };
  }

  join(options: ConsumerOptions): Subscription {
    const member: Member = { options, running: new Set(), shutdown: new AbortController() };
    this.#members.add(member);
    this.#pump();
    return { stop: () => this.#leave(member) };
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#waiting.values()) clearTimeout(timer);
    const abandoned = [...this.#ready, ...this.#waiting.keys()];
    this.#ready = [];
    this.#waiting.clear();
    this.#open.clear();
    for (const item of abandoned) item.fail(new Error("the event bus closed before the event was handled"));
    await Promise.all([...this.#members].map((member) => this.#leave(member)));
  }

  async #leave(member: Member): Promise<void> {
    this.#members.delete(member);
    member.shutdown.abort();
    await Promise.allSettled(member.running);
  }

  #pump(): void {
    while (this.#ready.length > 0) {
      const member = this.#freestMember();
      if (!member) return;
      const item = this.#ready.shift();
      if (item) this.#start(member, item);
    }
  }

  #freestMember(): Member | undefined {
    let best: Member | undefined;
    for (const member of this.#members) {
      if (member.running.size >= member.options.concurrency) continue;
      if (!best || member.running.size < best.running.size) best = member;
    }
    return best;
  }

  #start(member: Member, item: Item): void {
    const work = this.#handle(member, item).finally(() => {
      member.running.delete(work);
      this.#pump();
    });
    member.running.add(work);
  }

  async #handle(member: Member, item: Item): Promise<void> {
    const { options, shutdown } = member;
    const last = item.attempt >= options.maxDeliver;
    try {
      await options.handle({ event: item.event, attempt: item.attempt, last, signal: shutdown.signal });
      this.#finish(item);
    } catch {
      if (shutdown.signal.aborted) this.#again(item, 0);
      else if (last) this.#finish(item);
      else {
        const delayMs = backoffFor(options.backoffMs, item.attempt);
        if (item.attempt === 1) item.observer?.onDelayed();
        item.attempt += 1;
        this.#again(item, delayMs);
      }
    }
  }

  #finish(item: Item): void {
    this.#open.delete(item);
    item.done();
  }

  #again(item: Item, delayMs: number): void {
    if (this.#closed) {
      this.#open.delete(item);
      item.fail(new Error("the event bus closed before the event was handled"));
      return;
    }
    const timer = setTimeout(() => {
      this.#waiting.delete(item);
      this.#ready.push(item);
      this.#pump();
    }, delayMs);
    this.#waiting.set(item, timer);
  }
}
