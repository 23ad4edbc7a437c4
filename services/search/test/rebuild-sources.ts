import {
  createLogger,
  createMetrics,
  createRpcServer,
  notFound,
  requireUser,
  unavailable,
} from "@ocelli/chassis";
import { captioningV1, faceV1, libraryV1, sceneV1 } from "@ocelli/contracts";
import { ownService, unimplemented } from "@ocelli/testkit";
import { connectSources } from "../src/rebuild-connections.ts";
import type { Sources } from "../src/sources.ts";
import { linesOf, sceneOf, type World, type WorldPhoto } from "./rebuild-world.ts";

/** The other services, answering from a world, over gRPC. */
export interface SourcesUnderTest {
  sources: Sources;
  /** What they answer from. */
  world: World;
  /** Photos and albums on a page. */
  pageSize: number;
  /** Called when a call came in, before it is answered; the name is the method's. */
  before: (method: string, argument: string) => Promise<void>;
  /** Called when an answer is made, before it is sent. */
  after: (method: string, argument: string) => Promise<void>;
  close(): Promise<void>;
}

const missing = () => notFound("NOT_FOUND", "There is no such thing.");

/** Refuses as a service does that is down. */
export async function isDown(): Promise<void> {
  throw unavailable("DOWN", "This service is down.");
}

/** Starts stand-ins of library, captioning, scene and face. */
export async function startSources(world: World): Promise<SourcesUnderTest> {
  const server = createRpcServer({
    host: "127.0.0.1",
    port: 0,
    log: createLogger({ level: "silent", format: "json" }),
    metrics: createMetrics(),
    verifier: { verify: async (token) => ownService(token) },
  });
  const nothing = async () => undefined;
  const under: State = { world, pageSize: 2, before: nothing, after: nothing };
  const answer = async <T>(method: string, argument: string, make: () => T): Promise<T> => {
    await under.before(method, argument);
    const made = make();
    await under.after(method, argument);
    return made;
  };
  addLibrary(server, under, answer);
  addAnalysis(server, under, answer);
  addFace(server, under, answer);
  const address = await server.listen();
  const addresses = { libraryAddress: address, captioningAddress: address, faceAddress: address };
  const { sources, close } = connectSources(
    { ...addresses, sceneAddress: address },
    { serviceToken: { token: async () => "search" } },
    { deadline: 10_000, retryMaxAttempts: 0 },
  );
  return Object.assign(under, {
    sources,
    async close() {
      close();
      await server.stop(0);
    },
  });
}

type Server = ReturnType<typeof createRpcServer>;
type State = Pick<SourcesUnderTest, "world" | "pageSize" | "before" | "after">;
type Answer = <T>(method: string, argument: string, make: () => T) => Promise<T>;

function addLibrary(server: Server, state: State, answer: Answer): void {
  server.add(libraryV1.LibraryServiceDefinition, {
    ...unimplemented(libraryV1.LibraryServiceDefinition),
    listPhotosForIndex: ({ pageToken }) =>
      answer("listPhotosForIndex", pageToken, () => {
        const { items, nextPageToken } = pageOf(state.world.photos, pageToken, state.pageSize);
        const photos = items.map(([, { ready, changed, albums }]) => ({
          ready,
          changed,
          albumIds: [...albums],
        }));
        return { photos, nextPageToken };
      }),
    listAlbumsForIndex: ({ pageToken }) =>
      answer("listAlbumsForIndex", pageToken, () => {
        const { items, nextPageToken } = pageOf(state.world.albums, pageToken, state.pageSize);
        return { albums: items.map(([albumId, album]) => ({ albumId, ...album })), nextPageToken };
      }),
    getPhoto: ({ photoId }, { identity }) =>
      answer("getPhoto", photoId, () => {
        photoOf(state.world, photoId, requireUser(identity));
        return {};
      }),
  });
}

function addAnalysis(server: Server, state: State, answer: Answer): void {
  server.add(captioningV1.CaptioningServiceDefinition, {
    ...unimplemented(captioningV1.CaptioningServiceDefinition),
    getCaption: ({ photoId }, { identity }) =>
      answer("getCaption", photoId, () => {
        const { caption } = photoOf(state.world, photoId, requireUser(identity));
        if (caption === undefined) throw missing();
        return { caption: { text: caption } };
      }),
    getText: ({ photoId }, { identity }) =>
      answer("getText", photoId, () => {
        const { text } = photoOf(state.world, photoId, requireUser(identity));
        if (!text) throw missing();
        return { lines: linesOf(text) };
      }),
  });
  server.add(sceneV1.SceneServiceDefinition, {
    ...unimplemented(sceneV1.SceneServiceDefinition),
    getScene: ({ photoId }, { identity }) =>
      answer("getScene", photoId, () => {
        const { labels } = photoOf(state.world, photoId, requireUser(identity));
        if (!labels) throw missing();
        return { scene: sceneOf(labels) };
      }),
  });
}

function addFace(server: Server, state: State, answer: Answer): void {
  server.add(faceV1.FaceServiceDefinition, {
    ...unimplemented(faceV1.FaceServiceDefinition),
    listPhotoFaces: ({ photoId }, { identity }) =>
      answer("listPhotoFaces", photoId, () => {
        const { persons } = photoOf(state.world, photoId, requireUser(identity));
        if (!persons) throw missing();
        return { faces: ["", ...persons].map((personId) => ({ personId })) };
      }),
  });
  server.add(faceV1.PeopleServiceDefinition, {
    ...unimplemented(faceV1.PeopleServiceDefinition),
    listPeople: ({ hidden, pageToken }, { identity }) =>
      answer("listPeople", requireUser(identity), () => {
        const wanted = [...state.world.persons].filter(
          ([, person]) => person.ownerId === requireUser(identity) && person.hidden === hidden,
        );
        const { items, nextPageToken } = pageOf(new Map(wanted), pageToken, state.pageSize);
        return { people: items.map(([id, person]) => ({ id, ...person })), nextPageToken };
      }),
    getPerson: ({ personId }, { identity }) =>
      answer("getPerson", personId, () => {
        const person = state.world.persons.get(personId);
        if (person?.ownerId !== requireUser(identity)) throw missing();
        return { person: { id: personId, ...person } };
      }),
  });
}

function photoOf({ photos }: World, photoId: string, ownerId: string): WorldPhoto {
  const photo = photos.get(photoId);
  if (photo?.ready.photo.ownerId !== ownerId) throw missing();
  return photo;
}

/** A page by id; its token is the last id. */
function pageOf<T>(map: ReadonlyMap<string, T>, pageToken: string, size: number) {
  const rest = [...map].filter(([id]) => id > pageToken).sort(([a], [b]) => (a < b ? -1 : 1));
  const items = rest.slice(0, size);
  return { items, nextPageToken: rest.length > size ? (items.at(-1)?.[0] ?? "") : "" };
}
