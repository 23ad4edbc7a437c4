import type { RawImageReader } from "@ocelli/analysis";
import { hasScope, type IdentityContext, notFound, parsePhotoId, requireUser } from "@ocelli/chassis";
import type { faceV1 } from "@ocelli/contracts";
import type { Engine } from "@ocelli/inference";
import type { Kysely } from "kysely";
import { analyzeFaces } from "../model/analyze.ts";
import { findScan } from "../store/faces.ts";
import type { FaceTables } from "../store/tables.ts";
import { toFaceView, withoutPerson } from "./face-view.ts";

/** What the handlers need. */
export interface FaceHandlerDependencies {
  db: Kysely<FaceTables>;
  engine: Engine;
  rawImages: RawImageReader;
}

/** gRPC handlers of the face service. */
export function createFaceHandlers({
  db,
  engine,
  rawImages,
}: FaceHandlerDependencies): faceV1.FaceServiceImplementation<IdentityContext> {
  return {
    async listPhotoFaces(request, { identity }) {
      const found = await findScan(db, requireUser(identity), parsePhotoId(request.photoId));
      if (!found) throw notFound("FACES_NOT_FOUND", "This photo was not scanned for faces yet.");
      // Whoever may see photos may not know yet whom they show.
      const mayKnow = hasScope(identity, "people");
      const faces = mayKnow ? found.faces : found.faces.map(withoutPerson);
      return { faces: faces.map(toFaceView), provenance: found.scan };
    },

    async detectFaces(requests, { identity }) {
      requireUser(identity);
      return rawImages.withImage(chunksOf(requests), async (image) => {
        const { faces, model, ms } = await analyzeFaces(engine, image);
        return { faces: faces.map(toFaceView), provenance: { model, ms } };
      });
    },
  };
}

async function* chunksOf(requests: AsyncIterable<faceV1.DetectFacesRequest>): AsyncGenerator<Uint8Array> {
  for await (const { chunk } of requests) yield chunk;
}
