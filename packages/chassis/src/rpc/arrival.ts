import { invalidArgument } from "../errors/errors.ts";

/** How long a client may take with the messages it sends. */
export interface ArrivalLimits {
  /** Longest silence between two messages. */
  idleMs: number;
  /** Longest time until the last message; absent means no limit of its own. */
  totalMs?: number;
}

/**
 * Passes the messages of a client on, and ends a stream that falls silent or trickles for too long: it would hold its
 * place for ever.
 * @throws AppError INVALID_ARGUMENT/UPLOAD_STALLED.
 */
export async function* withArrivalLimits<T>(
  items: AsyncIterable<T>,
  limits: ArrivalLimits,
): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]();
  const deadline = performance.now() + (limits.totalMs ?? Number.POSITIVE_INFINITY);
  let finished = false;
  try {
    for (;;) {
      const next = await nextWithin(iterator, Math.min(limits.idleMs, deadline - performance.now()));
      if (next.done) {
        finished = true;
        return;
      }
      yield next.value;
    }
  } finally {
    // Not awaited: a source that is silent now may never answer.
    if (!finished) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

async function nextWithin<T>(iterator: AsyncIterator<T>, timeoutMs: number): Promise<IteratorResult<T>> {
  const { promise: stalled, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(invalidArgument("UPLOAD_STALLED", "The file did not arrive in time.")),
    Math.max(0, timeoutMs),
  );
  try {
    return await Promise.race([iterator.next(), stalled]);
  } finally {
    clearTimeout(timer);
  }
}
