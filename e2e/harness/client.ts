import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";

/** The parts of a photo that tests look at; unknown fields are kept out on purpose. */
export const photoSchema = z.object({
  id: z.uuid(),
  filename: z.string(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  mediaType: z.string(),
  width: z.number(),
  height: z.number(),
  sizeBytes: z.number(),
  takenAt: z.string().nullable(),
  exif: z.record(z.string(), z.unknown()).nullable(),
  favorite: z.boolean(),
  createdAt: z.string(),
  stages: z.record(
    z.string(),
    z.object({
      status: z.string(),
      attempts: z.number(),
      error: z.string().nullable(),
      model: z.string().nullable(),
      ms: z.number().nullable(),
    }),
  ),
  caption: z
    .object({ text: z.string(), source: z.string(), model: z.string(), score: z.number() })
    .nullable(),
  scene: z
    .object({
      labels: z.array(z.object({ label: z.string(), score: z.number() })),
      indoor: z.boolean().nullable(),
      unsure: z.boolean(),
    })
    .nullable(),
  objects: z.array(z.object({ label: z.string(), score: z.number() })).nullable(),
  faces: z
    .array(
      z.object({
        id: z.string(),
        score: z.number(),
        personId: z.string().nullable(),
        personName: z.string().nullable(),
      }),
    )
    .nullable(),
  colors: z.array(z.object({ name: z.string(), hex: z.string() })).nullable(),
});

/** A photo as the gateway answers it. */
export type PhotoJson = z.infer<typeof photoSchema>;

/** What a login answers. */
export const tokensSchema = z.object({
  accessToken: z.string(),
  refreshToken: z.string(),
  tokenType: z.literal("Bearer"),
  expiresIn: z.number(),
});
const hitsSchema = z.object({
  items: z.array(z.object({ photoId: z.string(), score: z.number(), why: z.array(z.string()) })),
  nextPageToken: z.string(),
});
const ended = new Set(["SUCCEEDED", "FAILED", "SKIPPED"]);

/** The password of every account that tests make. */
export const testPassword = "correct horse battery staple";

/** One user of a running gateway. */
export class Client {
  readonly #baseUrl: string;
  token = "";
  refreshToken = "";
  /** Sent instead of the token when there is one. */
  apiKey = "";
  userAgent = "ocelli-tests/1.0";

  constructor(baseUrl: string) {
    this.#baseUrl = baseUrl;
  }

  /** Somebody without an account, at the same gateway. */
  anonymous(): Client {
    return new Client(this.#baseUrl);
  }

  /** Creates an account and logs in. */
  static async signedUp(baseUrl: string, email: string): Promise<Client> {
    const client = new Client(baseUrl);
    const body = { email, password: testPassword, name: "Test Person" };
    const signup = await client.post("/auth/signup", body);
    if (signup.status !== 201) throw new Error(`sign-up: ${signup.status} ${await signup.text()}`);
    return client.logIn({ email });
  }

  /** Opens a session, whose tokens the client uses from then on. */
  async logIn(credentials: { email: string; password?: string; code?: string }): Promise<this> {
    const login = await this.post("/auth/login", { password: testPassword, ...credentials });
    if (login.status !== 200) throw new Error(`login: ${login.status} ${await login.text()}`);
    return this.use(tokensSchema.parse(await login.json()));
  }

  /** Uses the tokens of a session. */
  use({ accessToken, refreshToken }: { accessToken: string; refreshToken: string }): this {
    this.token = accessToken;
    this.refreshToken = refreshToken;
    return this;
  }

  /** Any request under the base path, as this user. */
  request(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (!headers.has("user-agent")) headers.set("user-agent", this.userAgent);
    if (this.apiKey) headers.set("x-api-key", this.apiKey);
    else if (this.token) headers.set("authorization", `Bearer ${this.token}`);
    return fetch(`${this.#baseUrl}/api/v1${path}`, { ...init, headers });
  }

  /** A request with a JSON body, or with none. */
  send(method: string, path: string, body?: unknown): Promise<Response> {
    if (body === undefined) return this.request(path, { method });
    const headers = { "content-type": "application/json" };
    return this.request(path, { method, headers, body: JSON.stringify(body) });
  }

  post(path: string, body: unknown): Promise<Response> {
    return this.send("POST", path, body);
  }

  /** The account's own id. */
  async id(): Promise<string> {
    return z.object({ id: z.uuid() }).parse(await (await this.request("/users/me")).json()).id;
  }

  /** Uploads one file as `file`. */
  sendFile(path: string, bytes: Uint8Array<ArrayBuffer>, filename: string): Promise<Response> {
    const form = new FormData();
    form.set("file", new Blob([bytes]), filename);
    return this.request(path, { method: "POST", body: form });
  }

  async upload(bytes: Uint8Array<ArrayBuffer>, filename: string): Promise<string> {
    const response = await this.sendFile("/photos", bytes, filename);
    if (!response.ok) throw new Error(`upload of ${filename}: ${response.status} ${await response.text()}`);
    return z.object({ id: z.string() }).parse(await response.json()).id;
  }

  async photo(id: string): Promise<PhotoJson> {
    return photoSchema.parse(await (await this.request(`/photos/${id}`)).json());
  }

  /** The newest photos, at most one page of 100. */
  async photos(): Promise<{ id: string; sha256: string }[]> {
    const response = await this.request("/photos?pageSize=100");
    const item = z.object({ id: z.uuid(), sha256: z.string() });
    return z.object({ items: z.array(item) }).parse(await response.json()).items;
  }

  /** Waits until every stage of a photo has ended. */
  async analysed(id: string, timeoutMs = 60_000): Promise<PhotoJson> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const photo = await this.photo(id);
      const stages = Object.values(photo.stages);
      if (stages.length > 0 && stages.every((stage) => ended.has(stage.status))) return photo;
      if (Date.now() > deadline)
        throw new Error(`not analysed in ${timeoutMs} ms: ${JSON.stringify(photo.stages)}`);
      await delay(100);
    }
  }

  async search(query: string, extra = ""): Promise<z.infer<typeof hitsSchema>["items"]> {
    const response = await this.request(`/search?q=${encodeURIComponent(query)}${extra}`);
    return hitsSchema.parse(await response.json()).items;
  }
}

/** Reads an NDJSON body line by line as it arrives. */
export async function* readLines(
  response: Response,
): AsyncGenerator<{ type: string; data: unknown; elapsedMs: number }> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines)
      yield z.object({ type: z.string(), data: z.unknown(), elapsedMs: z.number() }).parse(JSON.parse(line));
  }
}
