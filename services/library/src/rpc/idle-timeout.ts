import { invalidArgument } from "@ocelli/chassis";

/**
 * Passes items on, and ends a source that falls silent.
 * @throws AppError INVALID_ARGUMENT/UPLOAD_STALLED after `timeoutMs` without an item.
 */
export async function* withIdleTimeout<T>(items: AsyncIterable<T>, timeoutMs: number): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]();
  let finished = false;
  try {
    for (;;) {
      const next = await nextWithin(iterator, timeoutMs);
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
    () => reject(invalidArgument("UPLOAD_STALLED", `Nothing arrived for ${timeoutMs} ms.`)),
    timeoutMs,
  );
  try {
    return await Promise.race([iterator.next(), stalled]);
  } finally {
    clearTimeout(timer);
  }
}
