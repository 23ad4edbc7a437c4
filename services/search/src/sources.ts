import { AppError, notFound, type RpcClient } from "@ocelli/chassis";
import { type captioningV1, type eventsV1, faceV1, type libraryV1, type sceneV1 } from "@ocelli/contracts";
import { labelsOf, textOf } from "./documents.ts";

/** What other services say of a photo; undefined where they say nothing. */
export interface PhotoParts {
  caption: string | undefined;
  labels: string[] | undefined;
  ocrText: string | undefined;
  personIds: string[] | undefined;
}

/** The other services' stores, from which the index can be built anew. */
export interface Sources {
  /** A page of everybody's photos, by id; the first for an empty token. An empty next token ends the list. */
  photoPage(
    pageToken: string,
    signal: AbortSignal,
  ): Promise<{ photos: libraryV1.IndexablePhoto[]; nextPageToken: string }>;
  /** Everybody's albums. */
  albums(signal: AbortSignal): AsyncGenerator<eventsV1.AlbumChanged>;
  /** An owner's persons. */
  people(ownerId: string, signal: AbortSignal): AsyncGenerator<faceV1.Person>;
  /** False when face knows no such person of the owner, or when the person was merged into another. */
  isPerson(ownerId: string, personId: string, signal: AbortSignal): Promise<boolean>;
  partsOf(photo: eventsV1.PhotoRef, signal: AbortSignal): Promise<PhotoParts>;
  /** False when the library knows no such photo of the owner. */
  isThere(photo: eventsV1.PhotoRef, signal: AbortSignal): Promise<boolean>;
}

/** Clients that act with this service's own token. */
export interface SourceClients {
  library: RpcClient<typeof libraryV1.LibraryServiceDefinition>;
  captioning: RpcClient<typeof captioningV1.CaptioningServiceDefinition>;
  scene: RpcClient<typeof sceneV1.SceneServiceDefinition>;
  face: RpcClient<typeof faceV1.FaceServiceDefinition>;
  people: RpcClient<typeof faceV1.PeopleServiceDefinition>;
}

const notFoundCode = notFound("ANYTHING", "").code;

/** How long a call may take, and how often one that finds nobody is made again. */
export interface Patience {
  deadline: number;
  retryMaxAttempts: number;
  waitForCircuit?: boolean;
}

// A service that restarts is waited for rather than given up; longer outages are for whoever calls.
const patienceByDefault: Patience = { deadline: 15_000, retryMaxAttempts: 5, waitForCircuit: true };

/** A call's options. */
type Call = Patience & { signal: AbortSignal };

/** Creates the sources over the services' clients. */
export function createSources(clients: SourceClients, patience = patienceByDefault): Sources {
  const { library, people } = clients;
  const asService = (signal: AbortSignal) => ({ asService: true, signal, ...patience });
  const as = (ownerId: string, signal: AbortSignal) => ({ actingUser: ownerId, signal, ...patience });
  return {
    photoPage: (pageToken, signal) =>
      library.listPhotosForIndex({ pageSize: 100, pageToken }, asService(signal)),
    async *albums(signal) {
      let pageToken = "";
      do {
        const page = await library.listAlbumsForIndex({ pageSize: 500, pageToken }, asService(signal));
        yield* page.albums;
        pageToken = page.nextPageToken;
      } while (pageToken);
    },
    people: (ownerId, signal) => peopleOf(clients, as(ownerId, signal)),
    async isPerson(ownerId, personId, signal) {
      const answer = await unlessNotFound(people.getPerson({ personId }, as(ownerId, signal)));
      return answer?.person?.id === personId;
    },
    partsOf: ({ photoId, ownerId }, signal) => partsOf(clients, photoId, as(ownerId, signal)),
    async isThere({ photoId, ownerId }, signal) {
      return (await unlessNotFound(library.getPhoto({ photoId }, as(ownerId, signal)))) !== undefined;
    },
  };
}

async function* peopleOf({ people }: SourceClients, call: Call) {
  for (const hidden of [false, true]) {
    let pageToken = "";
    do {
      const order = faceV1.PersonOrder.PERSON_ORDER_NAME_ASC;
      const page = await people.listPeople({ pageSize: 200, pageToken, query: "", hidden, order }, call);
      yield* page.people;
      pageToken = page.nextPageToken;
    } while (pageToken);
  }
}

async function partsOf(
  { captioning, scene, face }: SourceClients,
  photoId: string,
  call: Call,
): Promise<PhotoParts> {
  const [caption, text, seen, scanned] = await Promise.all([
    unlessNotFound(captioning.getCaption({ photoId }, call)),
    unlessNotFound(captioning.getText({ photoId }, call)),
    unlessNotFound(scene.getScene({ photoId }, call)),
    unlessNotFound(face.listPhotoFaces({ photoId }, call)),
  ]);
  const persons = scanned?.faces.flatMap(({ personId }) => personId || []);
  return {
    caption: caption?.caption?.text,
    labels: seen?.scene && labelsOf(seen.scene),
    ocrText: text && textOf(text.lines),
    personIds: persons && [...new Set(persons)].sort(),
  };
}

async function unlessNotFound<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (AppError.from(error).code === notFoundCode) return undefined;
    throw error;
  }
}
