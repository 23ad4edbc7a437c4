import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  actingUserKey,
  createInProcessBus,
  createLogger,
  createMetrics,
  createRpcClient,
  createTokenVerifier,
  loadSettings,
  maxChunkBytes,
  newEventId,
  type RpcClient,
  type RunningService,
  type Runtime,
} from "@ocelli/chassis";
import { type EventType, libraryV1 } from "@ocelli/contracts";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { startNativePostgres } from "@ocelli/testkit";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { Metadata } from "nice-grpc";
import pg from "pg";
import { type LibraryConfig, settings } from "../src/config.ts";
import { serveLibrary } from "../src/main.ts";

type Client = RpcClient<libraryV1.LibraryServiceDefinition>;

/** A real library over gRPC with its own embedded database, bus and blob directory. */
export interface LibraryUnderTest {
  readonly client: Client;
  readonly albums: RpcClient<libraryV1.AlbumServiceDefinition>;
  /** Of its gRPC server, for clients of a test's own; another one after a restart. */
  readonly address: string;
  readonly photos: RpcClient<libraryV1.PhotoServiceDefinition>;
  readonly bus: Runtime["bus"];
  readonly sql: pg.Pool;
  readonly blobDir: string;
  readonly databaseUrl: string;
  /** An access token of a user, an administrator, or a service. */
  userToken(userId: string): Promise<string>;
  adminToken(): Promise<string>;
  serviceToken(name: string): Promise<string>;
  /** Publishes an event, as another service does; resolves when the library is done with it. */
  publish<T>(
    type: EventType<T>,
    message: Parameters<EventType<T>["message"]["fromPartial"]>[0],
  ): Promise<void>;
  upload(owner: string, bytes: Uint8Array, options?: UploadOptions): Promise<libraryV1.UploadPhotoResponse>;
  download(owner: string, photoId: string, rendition: libraryV1.Rendition): Promise<Buffer>;
  /** The preview, as an analysing service gets it. */
  fetchForAnalysis(owner: string, photoId: string, stages: string[]): Promise<Buffer>;
  /** Everything in the blob directory, temporary files included. */
  files(): Promise<string[]>;
  count(
    table: "images" | "photos" | "photo_stages" | "outbox" | "loose_blobs" | "dead_letters",
  ): Promise<number>;
  /** Ends the service and starts it again on the same store and directory. */
  restart(config?: Partial<LibraryConfig>): Promise<void>;
  stop(): Promise<void>;
}

interface UploadOptions {
  filename?: string;
  interactive?: boolean;
  albumId?: string;
}

const issuer = "ocelli-test";

/** A database of the test's own. */
type TestDatabase = Pick<EmbeddedDatabase, "url" | "close">;

/** Postgres itself, where transactions really run side by side. */
export async function nativeDatabase(): Promise<TestDatabase> {
  const { url, stop } = await startNativePostgres();
  return { url, close: stop };
}

/** Starts a library; a few seconds go into the database, by default the embedded one. */
export async function startLibrary(
  overrides: Partial<LibraryConfig> = {},
  startDatabase: () => Promise<TestDatabase> = startEmbeddedDatabase,
): Promise<LibraryUnderTest> {
  const database = await startDatabase();
  const blobDir = await mkdtemp(join(tmpdir(), "ocelli-library-"));
  const tokens = await createTokens();
  const bus = createInProcessBus();
  const config: LibraryConfig = {
    ...loadSettings(settings, { LIBRARY_SERVICE_SECRET: "0123456789abcdef" }),
    port: 0,
    sharedDatabaseUrl: database.url,
    blobDir,
    tokenIssuer: issuer,
    tokenAudience: issuer,
    ...overrides,
  };
  const runtime: Runtime = {
    log: createLogger({ level: "silent", format: "json" }),
    metrics: createMetrics(),
    bus,
    now: () => new Date(),
    newId: newEventId,
  };
  const sql = new pg.Pool({ connectionString: database.url, max: 2 });
  // Its connections are still closing when the server ends them.
  sql.on("error", () => undefined);
  let running = await connect(config, runtime, tokens.verifier);

  return {
    get address() {
      return running.address;
    },
    get client() {
      return running.client;
    },
    get albums() {
      return running.albums;
    },
    get photos() {
      return running.photos;
    },
    bus,
    sql,
    blobDir,
    databaseUrl: database.url,
    userToken: tokens.user,
    adminToken: tokens.admin,
    publish: (type, message) =>
      bus.publish({
        id: newEventId(),
        subject: type.subject,
        payload: type.message.encode(type.message.fromPartial(message)).finish(),
      }),
    serviceToken: tokens.service,
    async upload(owner, bytes, options = {}) {
      const bearer = await tokens.user(owner);
      return running.client.uploadPhoto(uploadMessages(bytes, options), { bearer, deadline: 60_000 });
    },
    async download(owner, photoId, rendition) {
      const bearer = await tokens.user(owner);
      const chunks: Uint8Array[] = [];
      for await (const { part } of running.client.downloadPhoto({ photoId, rendition }, { bearer })) {
        if (part?.$case === "chunk") chunks.push(part.value);
      }
      return Buffer.concat(chunks);
    },
    async fetchForAnalysis(owner, photoId, stages) {
      const metadata = Metadata({ [actingUserKey]: owner });
      const bearer = await tokens.service("scene");
      const chunks: Uint8Array[] = [];
      const stream = running.client.fetchForAnalysis({ photoId, stages }, { bearer, metadata });
      for await (const { chunk } of stream) chunks.push(chunk);
      return Buffer.concat(chunks);
    },
    files: async () => {
      const entries = await readdir(blobDir, { recursive: true, withFileTypes: true });
      return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    },
    async count(table) {
      const { rows } = await sql.query<{ n: number }>(`select count(*)::int as n from library.${table}`);
      return rows[0]?.n ?? 0;
    },
    async restart(changes = {}) {
      await running.close();
      running = await connect({ ...config, ...changes }, runtime, tokens.verifier);
    },
    stop: () => stopAll(running, sql, runtime, database, blobDir),
  };
}

/** The messages of one whole upload. */
export async function* uploadMessages(bytes: Uint8Array, options: UploadOptions = {}) {
  yield* unfinishedUpload(bytes, options);
  yield { part: { $case: "end" as const, value: { sizeBytes: bytes.byteLength } } };
}

/** The messages of an upload up to, but without, its end. */
export async function* unfinishedUpload(bytes: Uint8Array, options: UploadOptions = {}) {
  const { filename = "photo.jpg", interactive = false, albumId = "" } = options;
  const info = { filename, interactive, albumId };
  yield { part: { $case: "info" as const, value: info } };
  for (let offset = 0; offset < bytes.byteLength; offset += maxChunkBytes) {
    yield { part: { $case: "chunk" as const, value: bytes.subarray(offset, offset + maxChunkBytes) } };
  }
}

async function connect(
  config: LibraryConfig,
  runtime: Runtime,
  verifier: Awaited<ReturnType<typeof createTokens>>["verifier"],
) {
  const service: RunningService = await serveLibrary(config, runtime, verifier);
  const { client, close } = createRpcClient(libraryV1.LibraryServiceDefinition, { address: service.address });
  const albums = createRpcClient(libraryV1.AlbumServiceDefinition, { address: service.address });
  const photos = createRpcClient(libraryV1.PhotoServiceDefinition, { address: service.address });
  return {
    address: service.address,
    client,
    albums: albums.client,
    photos: photos.client,
    async close() {
      close();
      albums.close();
      photos.close();
      await service.stop();
    },
  };
}

async function createTokens() {
  const { publicKey, privateKey } = await generateKeyPair("EdDSA", { crv: "Ed25519" });
  const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: "test", alg: "EdDSA" }] };
  const verifier = createTokenVerifier({
    fetchJwks: async () => keys,
    issuer,
    audience: issuer,
    now: () => new Date(),
    revocations: { isRevoked: () => false },
  });
  const sign = (claims: { sub: string; sid?: string; scope: string }) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: "EdDSA", kid: "test", typ: "at+jwt" })
      .setIssuer(issuer)
      .setAudience(issuer)
      .setExpirationTime("10m")
      .sign(privateKey);
  return {
    verifier,
    user: (userId: string) =>
      sign({ sub: userId, sid: crypto.randomUUID(), scope: "photos:read photos:write profile" }),
    admin: () => sign({ sub: crypto.randomUUID(), sid: crypto.randomUUID(), scope: "admin" }),
    service: (name: string) => sign({ sub: `service:${name}`, scope: "service" }),
  };
}

async function stopAll(
  running: { close(): Promise<void> },
  sql: pg.Pool,
  runtime: Runtime,
  database: TestDatabase,
  blobDir: string,
): Promise<void> {
  await running.close();
  await runtime.bus.close();
  await sql.end();
  await database.close();
  await rm(blobDir, { recursive: true, force: true });
}
