/** Hands on what comes until the signal aborts. @throws the reason of the abort, between two items. */
export async function* untilAborted<T>(
  items: AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T> {
  for await (const item of items) {
    signal?.throwIfAborted();
    yield item;
  }
  signal?.throwIfAborted();
}
