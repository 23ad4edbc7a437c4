import type { RawImageReader } from "@ocelli/analysis";
import { type IdentityContext, notFound, parsePhotoId, requireUser } from "@ocelli/chassis";
import type { captioningV1 } from "@ocelli/contracts";
import type { Engine } from "@ocelli/inference";
import type { Kysely } from "kysely";
import { type CaptionContext, captionImage } from "../model/analyze.ts";
import { findCaption } from "../store/captions.ts";
import type { CaptioningTables } from "../store/tables.ts";
import { findText } from "../store/texts.ts";
import { toCaption } from "./caption-view.ts";

/** What the handlers need. */
export interface CaptioningHandlerDependencies {
  db: Kysely<CaptioningTables>;
  engine: Engine;
  rawImages: RawImageReader;
  /** What the scene service sees in bytes that are not stored, asked on behalf of a user. */
  describeScene: (bytes: Uint8Array, userId: string, signal: AbortSignal) => Promise<CaptionContext>;
}

/** gRPC handlers of the captioning service. */
export function createCaptioningHandlers({
  db,
  engine,
  rawImages,
  describeScene,
}: CaptioningHandlerDependencies): captioningV1.CaptioningServiceImplementation<IdentityContext> {
  return {
    async getCaption(request, { identity }) {
      const stored = await findCaption(db, requireUser(identity), parsePhotoId(request.photoId));
      if (!stored) throw notFound("CAPTION_NOT_FOUND", "This photo has no caption yet.");
      return { caption: stored.caption, provenance: { model: stored.model, ms: stored.ms } };
    },

    async getText(request, { identity }) {
      const stored = await findText(db, requireUser(identity), parsePhotoId(request.photoId));
      if (!stored) throw notFound("TEXT_NOT_FOUND", "This photo was not read yet.");
      return { lines: stored.lines, provenance: { model: stored.model, ms: stored.ms } };
    },

    async captionImage(requests, { identity, signal }) {
      const userId = requireUser(identity);
      return rawImages.withImage(chunksOf(requests), async (image, bytes) => {
        const answer = await captionImage(engine, image, await describeScene(bytes, userId, signal));
        return {
          caption: toCaption(answer),
          candidates: answer.candidates.map(toCaption),
          provenance: { model: answer.model, ms: answer.ms },
        };
      });
    },
  };
}

async function* chunksOf(
  requests: AsyncIterable<captioningV1.CaptionImageRequest>,
): AsyncGenerator<Uint8Array> {
  for await (const { chunk } of requests) yield chunk;
}
