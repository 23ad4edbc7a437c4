import {
  type BusEvent,
  backoffFor,
  type ConsumerOptions,
  type PublishObserver,
  type Subscription,
} from "./bus.ts";

interface Item {
  event: BusEvent;
  attempt: number;
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
  #closed = false;

  constructor(filter: string) {
    this.filter = filter;
  }

  /** Resolves when the event is handled or given up; rejects when the queue closes before. */
  add(event: BusEvent, observer?: PublishObserver): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new Error("the event bus is closed"));
      this.#ready.push({ event, attempt: 1, observer, done: resolve, fail: reject });
      this.#pump();
    });
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
      item.done();
    } catch {
      if (shutdown.signal.aborted) this.#again(item, 0);
      else if (last) item.done();
      else {
        const delayMs = backoffFor(options.backoffMs, item.attempt);
        if (item.attempt === 1) item.observer?.onDelayed();
        item.attempt += 1;
        this.#again(item, delayMs);
      }
    }
  }

  #again(item: Item, delayMs: number): void {
    if (this.#closed) {
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
