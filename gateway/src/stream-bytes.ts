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
      cancel,
    },
    { highWaterMark: 0 },
  );
}
