import type { GatewayContext } from "./context.ts";
import { disconnect } from "./live/line-response.ts";

/**
 * A body that takes bytes no faster than the client does. When the source breaks, the connection is broken too, so that
 * the client sees a cut body and never a short one that looks whole.
 */
export function streamBytes(
  c: GatewayContext,
  source: AsyncGenerator<Uint8Array>,
  cancel: () => void,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await source.next();
          if (done) controller.close();
          else controller.enqueue(value);
        } catch {
          cancel();
          disconnect(c);
        }
      },
      cancel() {
        cancel();
        void endQuietly(source);
      },
    },
    { highWaterMark: 0 },
  );
}

/** Ends what nobody reads any more, so that it is counted as over; how it ends is of no interest. */
export async function endQuietly(source: AsyncIterator<unknown>): Promise<void> {
  await Promise.resolve(source.return?.()).catch(() => undefined);
}
