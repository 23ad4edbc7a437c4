import type { OpenBlob } from "../blobs/blob-store.ts";

/** Streams from a blob and closes it, also when the caller goes away half-way. */
export async function* closing<T>(blob: OpenBlob, send: () => AsyncGenerator<T>): AsyncGenerator<T, void> {
  try {
    yield* send();
  } finally {
    await blob.close();
  }
}
