import { z } from "zod";
import { Client } from "../harness/client.ts";
import { type OcelliProcess, startOcelli } from "../harness/ocelli-process.ts";
import { differentPictures, photoBytes } from "../harness/photos.ts";
import type { Answer } from "./answers.ts";
import { type Caller, callers, fillIn, type Known, type Resource, resources } from "./placeholders.ts";
import type { FuzzRequest } from "./requests.ts";

/** A running system with users whose data requests are about. */
export interface World {
  readonly ocelli: OcelliProcess;
  /** Sends a request as its caller and reads the answer. */
  ask(request: FuzzRequest): Promise<Answer>;
  /** Words of others' data, which a caller must never read. */
  secretsOf(caller: Caller): readonly string[];
  /** The access token of a caller, for gRPC; undefined for nobody. */
  tokenOf(caller: Caller): Promise<string | undefined>;
  /** A client of the user. */
  readonly user: Client;
  /** Opens every session again that a request has ended. */
  renew(): Promise<void>;
  /** What placeholders stand for to a caller. */
  knownTo(caller: Caller): Known;
}

/** Words in the data of two users, in no request. */
const secret = { user: "canary-of-the-user", other: "canary-of-the-other" } as const;
const streamed = /^text\/event-stream/;
const scopes = ["photos:read", "photos:write", "analyze", "search", "people", "profile"];
const rateClasses = ["AUTH", "READ", "WRITE", "UPLOAD", "ANALYZE", "SEARCH", "ADMIN"];
const attempts = [
  "LOGIN_ADDRESS",
  "LOGIN_ACCOUNT",
  "SIGN_UP_ADDRESS",
  "RESET_ADDRESS",
  "RESET_ACCOUNT",
  "CODE_ACCOUNT",
  "TOKEN_ADDRESS",
  "OIDC_ADDRESS",
];
const answerTimeoutMs = 30_000;
const idSchema = z.object({ id: z.string() });

/** Settings that make a system one which can be asked as fast as it answers. */
export function fuzzSettings(dataFolder: string): NodeJS.ProcessEnv {
  return {
    OCELLI_DATA: dataFolder,
    OCELLI_EVENTS: "in-process",
    MAX_UPLOAD_BYTES: "20000000",
    MAX_IMAGE_PIXELS: "4000000",
    ...Object.fromEntries(rateClasses.map((name) => [`RATE_LIMIT_${name}`, "off"])),
    ...Object.fromEntries(attempts.map((name) => [`AUTH_LIMIT_${name}`, "off"])),
    AUTH_FREE_FAILURES: "1000",
  };
}

/** Starts a system and puts in what requests are about. */
export async function openWorld(dataFolder: string): Promise<World> {
  const ocelli = await startOcelli(["up"], fuzzSettings(dataFolder));
  // The first account is the administrator's.
  const admin = await Client.signedUp(ocelli.address, "admin@example.org");
  const user = await Client.signedUp(ocelli.address, "user@example.org");
  const other = await Client.signedUp(ocelli.address, "other@example.org");
  // What requests about users are about: an administrator's may take anything from it.
  const spare = await Client.signedUp(ocelli.address, "spare@example.org");
  const own = await furnish(user, secret.user);
  const foreign = await furnish(other, secret.other);
  own.users = await spare.id();
  const key = new Client(ocelli.address);
  key.apiKey = z
    .object({ secret: z.string() })
    .parse(await (await user.post("/api-keys", { name: "a program", scopes })).json()).secret;
  const clients: Readonly<Record<Caller, Client>> = {
    nobody: new Client(ocelli.address),
    user,
    key,
    other,
    admin,
  };
  const tokens = [...(await pageTokensOf(user)), ...(await pageTokensOf(other))];
  const knownTo = (caller: Caller): Known =>
    caller === "other" ? { own: foreign, foreign: own, tokens } : { own, foreign, tokens };
  return {
    ocelli,
    user,
    knownTo,
    ask: (request) => send(ocelli.address, clients[request.caller], request, knownTo(request.caller)),
    secretsOf: (caller) =>
      caller === "other"
        ? [secret.user]
        : caller === "user" || caller === "key"
          ? [secret.other]
          : Object.values(secret),
    tokenOf: async (caller) => (caller === "nobody" || caller === "key" ? undefined : clients[caller].token),
    async renew() {
      const emails: Partial<Record<Caller, string>> = {
        user: "user@example.org",
        other: "other@example.org",
        admin: "admin@example.org",
      };
      for (const caller of callers) {
        const email = emails[caller];
        const client = clients[caller];
        if (email && (await client.request("/users/me")).status === 401) await client.logIn({ email });
      }
    },
  };
}

async function send(baseUrl: string, client: Client, request: FuzzRequest, known: Known): Promise<Answer> {
  const headers = new Headers(
    client.apiKey
      ? { "x-api-key": client.apiKey }
      : client.token
        ? { authorization: `Bearer ${client.token}` }
        : {},
  );
  for (const [name, value] of Object.entries(request.headers)) headers.set(name, value);
  const method = request.operation.split(" ")[0] ?? "GET";
  const startedAt = performance.now();
  const response = await fetch(`${baseUrl}${fillIn(request.path, known)}`, {
    method,
    headers,
    redirect: "manual",
    signal: AbortSignal.timeout(answerTimeoutMs),
    ...(request.body === undefined || method === "GET" ? {} : { body: fillIn(request.body, known) }),
  });
  const isStream = streamed.test(response.headers.get("content-type") ?? "");
  const body = isStream ? "" : await response.text();
  if (isStream) await response.body?.cancel();
  return { status: response.status, headers: response.headers, body, ms: performance.now() - startedAt };
}

/** Gives a user one of everything, each named after a word that nobody else may read; tells the ids. */
async function furnish(client: Client, word: string): Promise<Record<Resource, string>> {
  const created = async (path: string, body: unknown) =>
    idSchema.parse(await (await client.post(path, body)).json()).id;
  const [face] = await differentPictures(1, 0, "astronaut.png");
  if (!face) throw new Error("no picture");
  const photo = await client.upload(face, `${word}.jpg`);
  const album = await created("/albums", { name: word });
  await client.post(`/albums/${album}/photos`, { photoIds: [photo] });
  const first: Partial<Record<Resource, string>> = {
    photos: photo,
    albums: album,
    "smart-albums": await created("/smart-albums", { name: word, query: word }).catch(() =>
      crypto.randomUUID(),
    ),
    webhooks: await created("/webhooks", { url: `https://hooks.example.org/${word}` }).catch(() =>
      crypto.randomUUID(),
    ),
    "api-keys": await created("/api-keys", { name: word, scopes: ["photos:read"] }),
    users: await client.id(),
    sessions: crypto.randomUUID(),
    uploads: crypto.randomUUID(),
  };
  await client.analysed(photo);
  const list = z.object({ items: z.array(idSchema) });
  const faces = list.parse(await (await client.request("/faces")).json());
  const faceId = faces.items[0]?.id ?? crypto.randomUUID();
  const person = z
    .object({ id: z.string().optional() })
    .parse(await (await client.post("/people", { faceIds: [faceId], name: word })).json());
  const job = z
    .object({ id: z.string().optional() })
    .parse(await (await client.post("/jobs", { photoIds: [photo], stages: ["scene"] })).json());
  const all = { ...first, faces: faceId, people: person.id, jobs: job.id };
  return Object.fromEntries(resources.map((name) => [name, all[name] ?? crypto.randomUUID()])) as Record<
    Resource,
    string
  >; // all of them
}

/** Tokens of second pages; lists of one page have none. */
async function pageTokensOf(client: Client): Promise<string[]> {
  const tokens: string[] = [];
  await client.upload(photoBytes("rocket.jpg"), "rocket.jpg");
  for (const path of [
    "/photos?pageSize=1",
    "/photos?pageSize=1&order=taken",
    "/users/me/activity?pageSize=1",
    "/jobs?pageSize=1",
    "/albums?pageSize=1",
  ]) {
    const page = z
      .object({ nextPageToken: z.string().default("") })
      .safeParse(await (await client.request(path)).json());
    if (page.success && page.data.nextPageToken !== "") tokens.push(page.data.nextPageToken);
  }
  return tokens;
}
