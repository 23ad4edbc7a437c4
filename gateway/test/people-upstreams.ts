import { type RpcContext, requireUser } from "@ocelli/chassis";
import { faceV1 } from "@ocelli/contracts";
import { type AccessWorld, answering, someId } from "./auth-upstreams.ts";

/** What the face service would hold, and what it was asked. */
export interface PeopleWorld {
  /** Photos the person is on. */
  readonly personPhotoIds: string[];
  /** Chunks of an export. */
  exportChunks: number;
  /** Chunks that were made so far. */
  exported: number;
  /** Exports that ended, in whatever way. */
  exportsEnded: number;
  /** Bytes of pictures that were looked through. */
  searched: number;
}

/** An empty world. */
export function createPeopleWorld(): PeopleWorld {
  return { personPhotoIds: [], exportChunks: 2, exported: 0, exportsEnded: 0, searched: 0 };
}

const at = new Date("2026-02-03T04:05:06Z");

/** A person as the face service tells of it. */
export const person = faceV1.Person.fromPartial({
  id: someId,
  name: "Ada",
  coverFaceId: someId,
  faceCount: 2,
  photoCount: 1,
  source: "FACE_SOURCE_USER",
  createdAt: at,
  updatedAt: at,
});

/** A face of that person. */
export const personFace = faceV1.PersonFace.fromPartial({
  face: { id: someId, score: 0.9, quality: 0.8, personId: someId, personName: "Ada" },
  photoId: someId,
  source: "FACE_SOURCE_MODEL",
  similarity: 0.7,
  createdAt: at,
});

/** Bytes of every cut-out. */
export const crop = Buffer.from("a small picture");

const merge = faceV1.Merge.fromPartial({
  id: someId,
  survivorId: someId,
  personIds: [someId],
  createdAt: at,
});
const regrouping = faceV1.Regrouping.fromPartial({ started: true, running: true, requestedAt: at });
const settings = { enabled: true };

/** PeopleService that records its unary calls and answers of one person. */
export function peopleService(
  world: PeopleWorld,
  access: AccessWorld,
): faceV1.PeopleServiceImplementation<RpcContext> {
  const unary = answering(access, faceV1.PeopleServiceDefinition, {
    listPeople: { people: [person, { ...person, name: "" }], nextPageToken: "more" },
    getPerson: { person },
    createPerson: { person },
    updatePerson: { person },
    deletePerson: {},
    listFaces: { faces: [personFace], nextPageToken: "more" },
    getFace: { face: personFace },
    getFaceCrop: { jpeg: crop, etag: "abc" },
    assignFaces: { faces: [personFace] },
    rejectFace: { face: personFace },
    unrejectFace: {},
    mergePeople: { merge, person },
    undoMerge: { merge: { ...merge, undoneAt: at }, people: [person] },
    listMerges: { merges: [merge], nextPageToken: "more" },
    listSuggestions: { suggestions: [{ person, other: person, score: 0.5 }], nextPageToken: "more" },
    answerSuggestion: { merge },
    regroupFaces: { regrouping },
    getRegrouping: { regrouping },
    getFaceSettings: { settings },
    updateFaceSettings: { settings },
  });
  return {
    ...unary,
    async listPersonPhotos(request, { identity, origin }) {
      access.calls.push({ method: "listPersonPhotos", request, identity, origin });
      return { photoIds: [...world.personPhotoIds], nextPageToken: "more" };
    },
    async *exportPerson(request, { identity, origin, signal }) {
      access.calls.push({ method: "exportPerson", request, identity, origin });
      const failure = access.failures.get("exportPerson");
      if (failure) throw failure;
      const left = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      void left.then(() => {
        world.exportsEnded += 1;
      });
      for (let index = 0; index < world.exportChunks && !signal.aborted; index += 1) {
        world.exported += 1;
        yield { chunk: Buffer.from(`${JSON.stringify({ index, padding: "x".repeat(60_000) })}\n`) };
      }
    },
    async searchFaces(request, { identity }) {
      requireUser(identity);
      for await (const { chunk } of request) world.searched += chunk.byteLength;
      const box = { x: 0.1, y: 0.2, width: 0.3, height: 0.4 };
      const matches = [{ personId: someId, personName: "", similarity: 0.9 }];
      const face = { box, score: 0.9, quality: 0.8, id: "", personId: someId, personName: "" };
      return { faces: [{ face, unknown: false, matches }], provenance: { model: "test-model@1", ms: 12 } };
    },
  };
}
