import type { BusEvent, ConsumerOptions, EventBus, PublishObserver, Subscription } from "./bus.ts";
import { subjectMatches } from "./bus.ts";
import { WorkQueue } from "./work-queue.ts";

/** Settings of {@link createInProcessBus}. */
export interface InProcessBusOptions {
  /**
   * Keeps events back until `open()`. This bus remembers no absent consumer, so a process that starts several
   * services opens it only when all of them have registered their consumers.
   */
  held?: boolean;
}

/** A bus for one process that runs all services. */
export interface InProcessBus extends EventBus {
  /** Lets events flow; see {@link InProcessBusOptions.held}. */
  open(): void;
}

interface Watcher {
  filter: string;
  handle(event: BusEvent): void;
}

/**
 * Creates a bus without a broker. It keeps nothing on disk: `publish` resolves only when every consumer is done, so
 * an event stays in its outbox until then and is delivered again after a crash.
 */
export function createInProcessBus(options: InProcessBusOptions = {}): InProcessBus {
  const queues = new Map<string, WorkQueue>();
  const watchers = new Set<Watcher>();
  let closed = false;
  let held = options.held ?? false;
  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  let abort = (_: Error) => {};
  const closing = new Promise<never>((_, reject) => (abort = reject));
  closing.catch(() => undefined);

  async function publish(event: BusEvent, observer?: PublishObserver): Promise<void> {
    // Only while held: every race against a promise that stays pending leaves something behind in it.
    if (held) await Promise.race([opened, closing]);
    if (closed) throw new Error("the event bus is closed");
    for (const watcher of watchers) notify(watcher, event);
    const wanted = [...queues.values()].filter((queue) => subjectMatches(queue.filter, event.subject));
    await Promise.all(wanted.map((queue) => queue.add(event, observer)));
  }

  async function consume(consumer: ConsumerOptions): Promise<Subscription> {
    const queue = queues.get(consumer.name) ?? new WorkQueue(consumer.filter);
    if (queue.filter !== consumer.filter) {
      throw new Error(`consumer ${consumer.name} exists with the filter ${queue.filter}`);
    }
    queues.set(consumer.name, queue);
    return queue.join(consumer);
  }

  async function watch(filter: string, handle: Watcher["handle"]): Promise<Subscription> {
    const watcher = { filter, handle };
    watchers.add(watcher);
    return { stop: async () => void watchers.delete(watcher) };
  }

  return {
    kind: "in-process",
    open() {
      held = false;
      open();
    },
    publish,
    consume,
    watch,
    queues: async () => [...queues].map(([consumer, queue]) => ({ consumer, ...queue.state() })),
    async ping() {
      if (closed) throw new Error("the event bus is closed");
    },
    async close() {
      closed = true;
      abort(new Error("the event bus is closed"));
      await Promise.all([...queues.values()].map((queue) => queue.close()));
    },
  };
}

function notify(watcher: Watcher, event: BusEvent): void {
  if (!subjectMatches(watcher.filter, event.subject)) return;
  try {
    watcher.handle(event);
  } catch {
    // Watching is best effort: one watcher's fault must not keep the event from the others.
  }
}
