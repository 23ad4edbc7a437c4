import { createHash, randomUUID } from "node:crypto";
import {
  AppError,
  createLogger,
  createMetrics,
  createRpcServer,
  createTokenVerifier,
  invalidArgument,
  notFound,
  type RpcContext,
  requireUser,
  unauthenticated,
} from "@ocelli/chassis";
import { authV1, captioningV1, type commonV1, faceV1, libraryV1, sceneV1, searchV1 } from "@ocelli/contracts";
import { Status } from "nice-grpc";
import { parseJwks } from "../src/jwks.ts";
import { albumService } from "./album-upstreams.ts";
import {
  type AccessWorld,
  accessServices,
  authMethods,
  createAccessWorld,
  recordCalls,
  usageMethods,
} from "./auth-upstreams.ts";
import { createFeedWorld, type FeedWorld, feedService, webhookService } from "./feed-upstreams.ts";
import { createJobWorld, type JobWorld, jobService } from "./job-upstreams.ts";
import { createPeopleWorld, type PeopleWorld, peopleService } from "./people-upstreams.ts";
import { createPhotoCalls, type PhotoCalls, photoService } from "./photo-upstreams.ts";
import type { TokenSigner } from "./tokens.ts";

/** What the services behind the gateway hold, for tests to look at and to change. */
export interface World {
  readonly photos: Map<string, { photo: libraryV1.Photo; bytes: Buffer }>;
  readonly captions: Map<string, commonV1.Caption>;
  readonly texts: Map<string, commonV1.TextLine[]>;
  readonly faces: Map<string, commonV1.Face[]>;
  readonly scenes: Map<string, commonV1.SceneResult>;
  /** Services that answer UNAVAILABLE. */
  readonly down: Set<string>;
  /** Services that take calls and never answer. */
  readonly hung: Set<string>;
  /** Calls that were given up while their service hung. */
  givenUp: number;
  /** Bytes of uploads that arrived, counted while they arrive. */
  received: number;
  /** Uploads that were cancelled before their end. */
  cancelled: number;
  readonly detections: sceneV1.DetectOptions[];
  readonly searches: searchV1.SearchRequest[];
  readonly lists: libraryV1.ListPhotosRequest[];
  /** Runs at the start of each upload. */
  onUpload: (info: libraryV1.UploadInfo) => Promise<void> | void;
  /** API keys and what they stand for. */
  readonly apiKeys: Map<string, { id: string; scope: string; expiresIn?: number }>;
  /** Keys that were exchanged, one entry per call, with where auth was told they came from. */
  readonly exchanges: Array<{ apiKey: string; address: string; userAgent: string }>;
  /** Accounts and access. */
  readonly access: AccessWorld;
  /** Feeds and webhooks. */
  readonly feed: FeedWorld;
  readonly jobs: JobWorld;
  /** Persons and faces. */
  readonly people: PeopleWorld;
  /** What is asked of photos besides uploads and reads. */
  readonly photoCalls: PhotoCalls;
  /** Grants that auth lists as revoked. */
  readonly revoked: Set<string>;
  getPhotoCalls: number;
}

/** Services behind the gateway that keep everything in memory, served over real gRPC with the real chassis. */
export interface Upstreams {
  readonly address: string;
  readonly world: World;
  stop(): Promise<void>;
}

/** Adds a photo as if it had been uploaded. */
export function addPhoto(
  world: World,
  options: { ownerId: string; bytes?: Buffer; filename?: string },
): libraryV1.Photo {
  const bytes = options.bytes ?? Buffer.from("some picture");
  const photo = libraryV1.Photo.fromPartial({
    id: randomUUID(),
    ownerId: options.ownerId,
    filename: options.filename ?? "photo.jpg",
    sha256: createHash("sha256").update(bytes).digest("hex"),
    mediaType: "image/jpeg",
    width: 640,
    height: 480,
    sizeBytes: bytes.length,
    createdAt: new Date("2026-01-02T03:04:05Z"),
    exifJson: '{"model":"Camera"}',
    stages: ["scene", "faces", "people", "ocr", "embed", "caption", "index"].map((stage) => ({
      stage,
      status: "STAGE_STATUS_PENDING" as const,
    })),
  });
  world.photos.set(photo.id, { photo, bytes });
  return photo;
}

/** Sets how far a stage of a photo has come. */
export function setStage(
  photo: libraryV1.Photo,
  stage: string,
  status: libraryV1.StageStatus,
  error = "",
): void {
  for (const state of photo.stages) if (state.stage === stage) Object.assign(state, { status, error });
}

/** Starts all services on one free port. */
export async function startUpstreams(signer: TokenSigner): Promise<Upstreams> {
  const world: World = {
    photos: new Map(),
    captions: new Map(),
    texts: new Map(),
    faces: new Map(),
    scenes: new Map(),
    down: new Set(),
    hung: new Set(),
    givenUp: 0,
    received: 0,
    cancelled: 0,
    detections: [],
    searches: [],
    lists: [],
    onUpload: () => undefined,
    apiKeys: new Map(),
    exchanges: [],
    access: createAccessWorld(),
    feed: createFeedWorld(),
    jobs: createJobWorld(),
    people: createPeopleWorld(),
    photoCalls: createPhotoCalls(),
    revoked: new Set(),
    getPhotoCalls: 0,
  };
  const server = createRpcServer({
    host: "127.0.0.1",
    port: 0,
    log: createLogger({ level: "silent", format: "json" }),
    metrics: createMetrics(),
    verifier: createTokenVerifier({
      fetchJwks: async () => parseJwks(signer.jwksJson),
      issuer: "ocelli",
      audience: "ocelli",
      now: () => new Date(),
      revocations: { isRevoked: () => false },
    }),
  });
  server.add(authV1.AuthServiceDefinition, authService(signer, world));
  const access = accessServices(world.access);
  server.add(authV1.UserServiceDefinition, access.users);
  server.add(authV1.ApiKeyServiceDefinition, access.apiKeys);
  server.add(authV1.ServiceAccountServiceDefinition, access.serviceAccounts);
  server.add(authV1.TwoFactorServiceDefinition, access.twoFactor);
  server.add(authV1.OidcServiceDefinition, access.oidc);
  server.add(authV1.AuditServiceDefinition, access.audit);
  server.add(libraryV1.LibraryServiceDefinition, libraryService(world));
  server.add(libraryV1.PhotoServiceDefinition, photoService(world));
  server.add(libraryV1.JobServiceDefinition, jobService(world.jobs));
  server.add(libraryV1.AlbumServiceDefinition, albumService(world.access));
  server.add(libraryV1.FeedServiceDefinition, feedService(world.feed));
  server.add(libraryV1.WebhookServiceDefinition, webhookService(world.feed));
  server.add(captioningV1.CaptioningServiceDefinition, captioningService(world));
  server.add(faceV1.FaceServiceDefinition, faceService(world));
  server.add(faceV1.PeopleServiceDefinition, peopleService(world.people, world.access));
  server.add(sceneV1.SceneServiceDefinition, sceneService(world));
  server.add(searchV1.SearchServiceDefinition, searchService(world));
  return { address: await server.listen(), world, stop: () => server.stop(500) };
}

const provenance = { model: "test-model@1", ms: 12 };

function own(world: World, photoId: string, context: RpcContext): { photo: libraryV1.Photo; bytes: Buffer } {
  const userId = requireUser(context.identity);
  const found = world.photos.get(photoId);
  if (found?.photo.ownerId !== userId) throw notFound("PHOTO_NOT_FOUND", "There is no such photo.");
  return found;
}

function result<T>(
  world: World,
  service: string,
  results: Map<string, T>,
  photoId: string,
  context: RpcContext,
): T {
  if (world.down.has(service))
    throw new AppError({ code: Status.UNAVAILABLE, reason: "DOWN", message: "Down." });
  own(world, photoId, context);
  const found = results.get(photoId);
  if (!found) throw notFound(`${service.toUpperCase()}_NOT_FOUND`, "Not there yet.");
  return found;
}

/** Resolves at once, unless the service hangs: then never, and counts how often that was given up. */
async function answering(world: World, service: string, { signal }: RpcContext): Promise<void> {
  if (!world.hung.has(service)) return;
  await new Promise<void>((_, reject) => {
    signal.addEventListener("abort", () => {
      world.givenUp += 1;
      reject(signal.reason);
    });
  });
}

function authService({ jwksJson, sign, signService }: TokenSigner, world: World) {
  const user = {
    id: "018f0000-0000-7000-8000-000000000001",
    email: "ada@example.org",
    name: "Ada",
    role: "user",
    createdAt: new Date("2026-01-01T00:00:00Z"),
  };
  const tokens = async () => ({ accessToken: await sign(), refreshToken: "refresh-1", expiresIn: 600 });
  const implementation: authV1.AuthServiceImplementation<RpcContext> = {
    ...authMethods(world.access),
    async signUp(request) {
      if (request.email === "taken@example.org") {
        throw new AppError({
          code: Status.ALREADY_EXISTS,
          reason: "EMAIL_TAKEN",
          message: "That address has an account.",
        });
      }
      if (request.password.length < 8) {
        throw invalidArgument("INVALID_PASSWORD", "The password is too short.", [
          { field: "password", description: "must have at least 8 characters" },
        ]);
      }
      return { user: { ...user, email: request.email, name: request.name } };
    },
    login: async () => ({ tokens: await tokens() }),
    refresh: async () => ({ tokens: await tokens() }),
    logout: async () => ({ sessionId: "" }),
    getJwks: async () => ({ jwksJson }),
    issueServiceToken: async ({ clientId }) => ({ accessToken: await signService(clientId), expiresIn: 600 }),
    listRevocations: async () => ({
      revocations: [...world.revoked].map((grantId) => ({ grantId, revokedAt: new Date() })),
    }),
    async exchangeApiKey({ apiKey }, { origin }) {
      world.exchanges.push({ apiKey, ...origin });
      const key = world.apiKeys.get(apiKey);
      if (!key) throw unauthenticated("INVALID_API_KEY", "The API key is not valid.");
      const accessToken = await sign({ apiKeyId: key.id, scope: key.scope });
      return { accessToken, expiresIn: key.expiresIn ?? 600, apiKeyId: key.id };
    },
    async getCurrentUser(_, context) {
      return { user: { ...user, id: requireUser(context.identity) } };
    },
  };
  return recordCalls(world.access, implementation, [
    "signUp",
    "login",
    "refresh",
    "logout",
    "getCurrentUser",
  ]);
}

function libraryService(world: World) {
  const implementation: libraryV1.LibraryServiceImplementation<RpcContext> = {
    ...usageMethods(world.access),
    async uploadPhoto(request, context) {
      const ownerId = requireUser(context.identity);
      let info = libraryV1.UploadInfo.fromPartial({});
      const chunks: Uint8Array[] = [];
      let complete = false;
      for await (const { part } of request) {
        if (part?.$case === "end") complete = true;
        if (part?.$case === "info") {
          info = part.value;
          await world.onUpload(info);
        } else if (part?.$case === "chunk") {
          if (part.value.byteLength > 65_536)
            throw invalidArgument("CHUNK_TOO_LARGE", "The chunk is too large.");
          chunks.push(part.value);
          world.received += part.value.byteLength;
        }
      }
      if (!complete) {
        world.cancelled += 1;
        throw new AppError({
          code: Status.CANCELLED,
          reason: "UPLOAD_INCOMPLETE",
          message: "The upload ended before the file was complete.",
        });
      }
      const bytes = Buffer.concat(chunks);
      if (bytes.length === 0) throw invalidArgument("EMPTY_FILE", "The file is empty.");
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      const earlier = [...world.photos.values()].find(
        ({ photo }) => photo.ownerId === ownerId && photo.sha256 === sha256,
      );
      if (earlier) return { photo: earlier.photo, duplicate: true };
      return { photo: addPhoto(world, { ownerId, bytes, filename: info.filename }), duplicate: false };
    },
    async getPhoto({ photoId }, context) {
      world.getPhotoCalls += 1;
      return { photo: own(world, photoId, context).photo };
    },
    async listPhotos(request) {
      world.lists.push(request);
      return { photos: [...world.photos.values()].map(({ photo }) => photo), nextPageToken: "more" };
    },
    async *downloadPhoto({ photoId, rendition, offset: first, length }, context) {
      const { photo, bytes: all } = own(world, photoId, context);
      const bytes = all.subarray(first, length === 0 ? undefined : first + length);
      const value = {
        mediaType: photo.mediaType,
        sizeBytes: all.length,
        etag: `${photo.sha256}-${rendition}`,
      };
      yield { part: { $case: "info", value } };
      for (let offset = 0; offset < bytes.length; offset += 65_536) {
        yield { part: { $case: "chunk", value: bytes.subarray(offset, offset + 65_536) } };
      }
    },
  };
  return implementation;
}

function captioningService(world: World) {
  const implementation: captioningV1.CaptioningServiceImplementation<RpcContext> = {
    async getCaption({ photoId }, context) {
      return { caption: result(world, "captioning", world.captions, photoId, context), provenance };
    },
    async getText({ photoId }, context) {
      return { lines: result(world, "captioning", world.texts, photoId, context), provenance };
    },
    captionImage: async () => ({ caption: undefined, candidates: [], provenance }),
  };
  return implementation;
}

function faceService(world: World) {
  const implementation: faceV1.FaceServiceImplementation<RpcContext> = {
    async listPhotoFaces({ photoId }, context) {
      await answering(world, "face", context);
      return { faces: result(world, "face", world.faces, photoId, context), provenance };
    },
    detectFaces: async () => ({ faces: [], provenance }),
  };
  return implementation;
}

function sceneService(world: World) {
  const implementation: sceneV1.SceneServiceImplementation<RpcContext> = {
    async getScene({ photoId }, context) {
      await answering(world, "scene", context);
      return { scene: result(world, "scene", world.scenes, photoId, context), provenance };
    },
    classifyImage: async () => ({ scene: undefined, provenance }),
    async detectObjects(request) {
      let size = 0;
      for await (const { part } of request) {
        if (part?.$case === "options") world.detections.push(part.value);
        if (part?.$case === "chunk") size += part.value.byteLength;
      }
      const box = { x: 0.1, y: 0.2, width: 0.3, height: 0.4 };
      return { objects: [{ label: "dog", score: 0.9, box }], width: size, height: 10, provenance };
    },
  };
  return implementation;
}

function searchService(world: World) {
  const hit = { photoId: "p1", score: 0.5, why: ["picture"] };
  const implementation: searchV1.SearchServiceImplementation<RpcContext> = {
    async search(request) {
      world.searches.push(request);
      return {
        hits: [hit],
        nextPageToken: "",
        understood: [{ kind: "person", text: "ada", meaning: "Ada" }],
      };
    },
    findSimilar: async () => ({ hits: [hit], nextPageToken: "" }),
    async searchByImage(request) {
      for await (const _ of request);
      return { hits: [hit] };
    },
    suggest: async () => ({ suggestions: [] }),
    listMemories: async () => ({ memories: [] }),
  };
  return implementation;
}
