import type { RawImageReader } from "@ocelli/analysis";
import { invalidArgument, resolvePageSize, withArrivalLimits } from "@ocelli/chassis";
import type { searchV1 } from "@ocelli/contracts";
import { parseMinLikeness, toHits } from "./likeness.ts";
import type { IndexVectors } from "./vectors/index-vectors.ts";
import { acrossSwitches } from "./vectors/switches.ts";

/** What searching by image needs. */
export interface ByImageDependencies {
  rawImages: RawImageReader;
  vectors: Pick<IndexVectors, "follow" | "embedPicture" | "nearest">;
  /** How long the caller may take with options and picture. */
  receiveTimeoutMs: number;
}

type Messages = AsyncIterable<searchV1.SearchByImageRequest>;

const pageLimits = { defaultSize: 20, maxSize: 100 };

/**
 * Photos of the owner that look like a picture that is not stored. The options are judged before a byte of the picture
 * is taken in.
 * @throws AppError INVALID_ARGUMENT/{INVALID_SEARCH,INVALID_MIN_SCORE,INVALID_PAGE_SIZE,UPLOAD_STALLED}; what
 *   {@link RawImageReader} throws of the picture.
 */
export async function searchByImage(
  { rawImages, vectors, receiveTimeoutMs }: ByImageDependencies,
  ownerId: string,
  requests: Messages,
  signal: AbortSignal,
): Promise<searchV1.SearchByImageResponse> {
  const messages = withArrivalLimits(requests, { idleMs: receiveTimeoutMs, totalMs: receiveTimeoutMs });
  try {
    const first = await messages.next();
    const opening = first.done ? undefined : first.value.part;
    if (opening?.$case !== "options") throw invalidSearch("must begin with its options");
    const minScore = parseMinLikeness(opening.value.minScore);
    const limit = resolvePageSize(opening.value.pageSize, pageLimits);
    const neighbours = await rawImages.withImage(chunksOf(messages), (image) =>
      acrossSwitches(vectors, async () => {
        const { model, embedding } = await vectors.embedPicture(image, signal);
        return vectors.nearest({ ownerId, embedding, limit, model });
      }),
    );
    return { hits: toHits(neighbours, minScore) };
  } finally {
    await messages.return(undefined);
  }
}

async function* chunksOf(messages: Messages): AsyncGenerator<Uint8Array> {
  for await (const { part } of messages) {
    if (part?.$case !== "chunk") throw invalidSearch("has its options once, then chunks");
    yield part.value;
  }
}

function invalidSearch(description: string) {
  return invalidArgument("INVALID_SEARCH", `A search by image ${description}.`, [
    { field: "part", description },
  ]);
}
