import type { RawImageReader } from "@ocelli/analysis";
import { type IdentityContext, type Relay, requireUser } from "@ocelli/chassis";
import { commonV1, type faceV1 } from "@ocelli/contracts";
import type { Engine } from "@ocelli/inference";
import type { FaceSettingsRules } from "../face-settings.ts";
import type { FaceSearch, FaceSearchResult } from "../grouping.ts";
import { analyzeFaces } from "../model/analyze.ts";
import type { FaceResult } from "../model/types.ts";
import { toFaceSettings } from "./people-requests.ts";

/** How a regrouping goes. */
export interface RegroupingState {
  /** Null when none was ever asked for. */
  requestedAt: Date | null;
  /** Null while it waits or runs. */
  finishedAt: Date | null;
  facesSeen: number;
  facesAssigned: number;
  peopleMade: number;
}

/** Groups an owner's faces again, in the background. */
export interface Regrouping {
  /** Asks for one, unless one is under way. */
  request(ownerId: string): Promise<RegroupingState>;
  get(ownerId: string): Promise<RegroupingState>;
}

/** The rules behind the RPCs. */
export interface GroupingHandlersOptions {
  settings: FaceSettingsRules;
  relay: Pick<Relay, "kick">;
  engine: Engine;
  rawImages: RawImageReader;
  search: FaceSearch;
  regrouping: Regrouping;
}

type Methods = Pick<
  faceV1.PeopleServiceImplementation<IdentityContext>,
  "searchFaces" | "regroupFaces" | "getRegrouping" | "getFaceSettings" | "updateFaceSettings"
>;

/** The part of PeopleService that models do: search, grouping, and the switch for both. */
export function createGroupingHandlers(options: GroupingHandlersOptions): Methods {
  const { settings, relay, engine, rawImages, search, regrouping } = options;
  return {
    async searchFaces(requests, { identity }) {
      const ownerId = requireUser(identity);
      return rawImages.withImage(chunksOf(requests), async (image) => {
        const { faces, model, ms } = await analyzeFaces(engine, image);
        const largestFirst = [...faces].sort((a, b) => areaOf(b) - areaOf(a));
        const found = await search.search(ownerId, largestFirst);
        return {
          faces: largestFirst.map((face, index) => toFaceMatches(face, found[index])),
          provenance: { model, ms },
        };
      });
    },
    async regroupFaces(_request, { identity }) {
      return { regrouping: toRegroupingMessage(await regrouping.request(requireUser(identity))) };
    },
    async getRegrouping(_request, { identity }) {
      return { regrouping: toRegroupingMessage(await regrouping.get(requireUser(identity))) };
    },
    async getFaceSettings(_request, { identity }) {
      return { settings: await settings.get(requireUser(identity)) };
    },
    async updateFaceSettings(request, { identity }) {
      const ownerId = requireUser(identity);
      const updated = await settings.update(ownerId, toFaceSettings(request));
      relay.kick();
      return { settings: updated };
    },
  };
}

async function* chunksOf(requests: AsyncIterable<faceV1.SearchFacesRequest>): AsyncGenerator<Uint8Array> {
  for await (const { chunk } of requests) yield chunk;
}

function areaOf({ box }: FaceResult): number {
  return box.width * box.height;
}

function toFaceMatches({ box, score, quality }: FaceResult, found: FaceSearchResult | undefined) {
  const { unknown, matches } = found ?? { unknown: true, matches: [] };
  const best = unknown ? undefined : matches[0];
  const face = commonV1.Face.fromPartial({
    box,
    score,
    quality,
    personId: best?.personId ?? "",
    personName: best?.personName ?? "",
  });
  return { face, unknown, matches };
}

function toRegroupingMessage(state: RegroupingState) {
  const { requestedAt, finishedAt, facesSeen, facesAssigned, peopleMade } = state;
  return {
    started: requestedAt !== null,
    running: requestedAt !== null && finishedAt === null,
    facesSeen,
    facesAssigned,
    peopleMade,
    requestedAt: requestedAt ?? undefined,
    finishedAt: finishedAt ?? undefined,
  };
}
