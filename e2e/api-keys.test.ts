import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Client } from "./harness/client.ts";
import { type ObservedOcelli, startObserved } from "./harness/database.ts";
import {
  everywhere,
  type GrpcServices,
  grpcAddress,
  openServices,
  outcomeOfCall,
  welcome,
} from "./harness/grpc-services.ts";
import { serverFaults } from "./harness/inspection.ts";
import { removeFolders } from "./harness/ocelli-process.ts";
import { photoBytes } from "./harness/photos.ts";
import { outcomeOf } from "./harness/problems.ts";

const createdSchema = z.object({ id: z.uuid(), secret: z.string(), prefix: z.string() });
let ocelli: ObservedOcelli;
let services: GrpcServices;
let admin: Client;

beforeAll(async () => {
  const classes = ["AUTH", "READ", "WRITE", "UPLOAD", "ANALYZE", "SEARCH", "ADMIN"];
  ocelli = await startObserved(Object.fromEntries(classes.map((name) => [`RATE_LIMIT_${name}`, "off"])));
  services = openServices((name) => grpcAddress(ocelli.process, name));
  admin = await Client.signedUp(ocelli.url, "admin@example.org");
});

afterAll(async () => {
  services?.close();
  await ocelli?.stop();
  removeFolders();
});

const signedUp = (name: string) => Client.signedUp(ocelli.url, `${name}@example.org`);

interface Key extends z.infer<typeof createdSchema> {
  /** Uses the key. */
  client: Client;
}

async function createKey(owner: Client, held: readonly string[], expiresAt?: string): Promise<Key> {
  const response = await owner.post("/api-keys", { name: "a script", scopes: held, expiresAt });
  expect(response.status).toBe(201);
  const created = createdSchema.parse(await response.json());
  const client = new Client(ocelli.url);
  client.apiKey = created.secret;
  return { ...created, client };
}

/** The access token that a key stands for, as gRPC callers get it. */
async function tokenOf(key: Key): Promise<string> {
  return (await services.auth.exchangeApiKey({ apiKey: key.secret })).accessToken;
}

describe("what a key opens", () => {
  test("uploads, reads and finds a real photo", async () => {
    const { client } = await createKey(await signedUp("photographer"), [
      "photos:read",
      "photos:write",
      "search",
    ]);
    const id = await client.upload(photoBytes("coffee.png"), "coffee.png");
    const photo = await client.analysed(id);
    expect(new Set(Object.values(photo.stages).map(({ status }) => status))).toEqual(new Set(["SUCCEEDED"]));
    expect((await client.search("cup of coffee"))[0]?.photoId).toBe(id);
    const original = await client.request(`/photos/${id}/original`);
    expect(Buffer.compare(Buffer.from(await original.arrayBuffer()), photoBytes("coffee.png"))).toBe(0);
  });

  test("one user's key opens nobody else's photos", async () => {
    const owner = await signedUp("owner");
    const id = await owner.upload(photoBytes("rocket.jpg"), "rocket.jpg");
    const { client } = await createKey(await signedUp("neighbour"), ["photos:read", "search"]);
    expect(await outcomeOf(client.request(`/photos/${id}`))).toBe("404 PHOTO_NOT_FOUND");
    expect(await outcomeOf(client.request(`/photos/${id}/original`))).toBe("404 PHOTO_NOT_FOUND");
    expect(await client.photos()).toEqual([]);
    expect(await client.search("rocket")).toEqual([]);
  });
});

describe("making keys", () => {
  test("the secret is shown once and kept nowhere", async () => {
    const owner = await signedUp("once");
    const key = await createKey(owner, ["photos:read"]);
    expect(key.secret).toMatch(/^ocelli_ak_[A-Za-z0-9_-]{43}$/);
    expect(key.prefix).toBe(key.secret.slice(0, 18));
    expect(await outcomeOf(key.client.request("/photos"))).toBe("200");
    const list = await (await owner.request("/api-keys")).text();
    expect(list).toContain(key.prefix);
    expect(list).not.toContain(key.secret.slice(0, 24));
    const stored = await ocelli.rows<{ row: string }>(
      "select k::text as row from auth.api_keys k where id = $1",
      [key.id],
    );
    expect(stored[0]?.row).toContain(key.prefix);
    for (const text of [stored[0]?.row, ocelli.process.output(), JSON.stringify(await auditText())])
      expect(text).not.toContain(key.secret.slice(18));
  });

  async function auditText() {
    return ocelli.rows("select a::text from auth.audit_log a");
  }

  test("nobody gives a key more than he holds himself", async () => {
    const owner = await signedUp("modest");
    const create = (held: unknown) => outcomeOf(owner.post("/api-keys", { name: "more", scopes: held }));
    expect(await create(["admin"])).toBe("403 SCOPE_NOT_HELD");
    expect(await create(["photos:read", "admin"])).toBe("403 SCOPE_NOT_HELD");
    for (const bad of [[], ["everything"], ["photos:read", "photos:read"], "admin", ["service"]])
      expect(await create(bad)).toBe("400 INVALID_ARGUMENT");
  });

  test("a key makes no keys and widens none, its own least of all", async () => {
    const owner = await signedUp("narrow");
    const key = await createKey(owner, ["photos:read", "profile"]);
    const more = { name: "more", scopes: ["photos:write"] };
    expect(await outcomeOf(key.client.post("/api-keys", more))).toBe("403 SESSION_REQUIRED");
    expect(await outcomeOf(key.client.request("/api-keys"))).toBe("403 SESSION_REQUIRED");
    for (const method of ["PATCH", "PUT"])
      for (const client of [key.client, owner])
        expect(await outcomeOf(client.send(method, `/api-keys/${key.id}`, more))).toBe(
          "405 METHOD_NOT_ALLOWED",
        );
    // Neither does the token that it buys.
    const token = new Client(ocelli.url);
    token.token = await tokenOf(key);
    expect(await outcomeOf(token.request("/photos"))).toBe("200");
    expect(await outcomeOf(token.post("/api-keys", more))).toBe("403 SESSION_REQUIRED");
    expect(await outcomeOf(token.request("/search?q=cat"))).toBe("403 SCOPE_REQUIRED");
    expect(await outcomeOfCall(services.auth.refresh({ refreshToken: key.secret }))).toBe(
      "UNAUTHENTICATED INVALID_REFRESH_TOKEN",
    );
  });
});

describe("sending keys", () => {
  test.each([
    ["unknown", () => `ocelli_ak_${"A".repeat(43)}`],
    ["cut short", (secret: string) => secret.slice(0, -1)],
    ["longer", (secret: string) => `${secret}A`],
    ["its prefix", (secret: string) => secret.slice(0, 18)],
    ["a giant", () => `ocelli_ak_${"A".repeat(4000)}`],
    ["SQL", () => "' or 1=1--"],
  ])("%s: 401", async (_name, change) => {
    const { secret } = await createKey(admin, ["photos:read"]);
    const client = new Client(ocelli.url);
    client.apiKey = change(secret);
    expect(await outcomeOf(client.request("/photos"))).toBe("401 INVALID_API_KEY");
  });

  test("as bearer token, beside one, or in the address: refused", async () => {
    const owner = await signedUp("sender");
    const { secret } = await createKey(owner, ["photos:read"]);
    const get = (path: string, headers: Record<string, string>) =>
      outcomeOf(fetch(`${ocelli.url}/api/v1${path}`, { headers }));
    const bearer = { authorization: `Bearer ${owner.token}` };
    expect(await get("/photos", { authorization: `Bearer ${secret}` })).toBe("401 INVALID_TOKEN");
    expect(await get("/photos", { ...bearer, "x-api-key": secret })).toBe("400 AMBIGUOUS_CREDENTIALS");
    expect(await get(`/photos?api_key=${secret}`, {})).toBe("400 CREDENTIALS_IN_URL");
    expect(await get(`/photos?pageToken=${secret}`, bearer)).toBe("400 CREDENTIALS_IN_URL");
    expect(ocelli.process.output()).not.toContain(secret);
  });
});

describe("the end of a key", () => {
  // Well below the 15 s after which services ask auth again: the event itself must have come.
  const soon = { timeout: 5000, interval: 20 };

  test("comes when it expires", async () => {
    const owner = await signedUp("expiry");
    const past = {
      name: "late",
      scopes: ["photos:read"],
      expiresAt: new Date(Date.now() - 1000).toISOString(),
    };
    expect(await outcomeOf(owner.post("/api-keys", past))).toBe("400 INVALID_API_KEY_REQUEST");
    const end = Date.now() + 4000;
    const key = await createKey(owner, ["photos:read", "search", "profile"], new Date(end).toISOString());
    expect(await outcomeOf(key.client.request("/photos"))).toBe("200");
    const token = await tokenOf(key);
    expect(await services.outcomes(token)).toEqual(welcome);
    await delay(end - Date.now() + 100);
    expect(await outcomeOf(key.client.request("/photos"))).toMatch(/^401 (INVALID_API_KEY|TOKEN_EXPIRED)$/);
    expect(await services.outcomes(token)).toEqual(everywhere("UNAUTHENTICATED TOKEN_EXPIRED"));
    expect(await outcomeOfCall(services.auth.exchangeApiKey({ apiKey: key.secret }))).toBe(
      "UNAUTHENTICATED INVALID_API_KEY",
    );
  });

  test("comes at once when it is deleted, at the gateway and at every service", async () => {
    const owner = await signedUp("deleter");
    const key = await createKey(owner, ["photos:read", "search", "profile"]);
    const token = await tokenOf(key);
    expect(await outcomeOf(key.client.request("/photos"))).toBe("200");
    expect(await services.outcomes(token)).toEqual(welcome);
    const stranger = await signedUp("other-deleter");
    expect(await outcomeOf(stranger.send("DELETE", `/api-keys/${key.id}`))).toBe("404 API_KEY_NOT_FOUND");
    expect(await outcomeOf(key.client.request("/photos"))).toBe("200");

    expect(await outcomeOf(owner.send("DELETE", `/api-keys/${key.id}`))).toBe("204");
    expect(await outcomeOf(key.client.request("/photos"))).toBe("401 INVALID_API_KEY");
    await expect
      .poll(() => services.outcomes(token), soon)
      .toEqual(everywhere("UNAUTHENTICATED TOKEN_REVOKED"));
    expect(await outcomeOf(owner.send("DELETE", `/api-keys/${key.id}`))).toBe("404 API_KEY_NOT_FOUND");
  });

  test("comes at once when its owner is disabled", async () => {
    const owner = await signedUp("disabled");
    const key = await createKey(owner, ["photos:read", "search", "profile"]);
    const token = await tokenOf(key);
    const userId = await owner.id();
    expect(await services.outcomes(token)).toEqual(welcome);
    expect(await outcomeOf(admin.send("PATCH", `/users/${userId}`, { disabled: true }))).toBe("200");
    await expect.poll(() => outcomeOf(key.client.request("/photos")), soon).toBe("401 INVALID_API_KEY");
    await expect
      .poll(() => services.outcomes(token), soon)
      .toEqual(everywhere("UNAUTHENTICATED TOKEN_REVOKED"));
    expect(await outcomeOfCall(services.auth.exchangeApiKey({ apiKey: key.secret }))).toBe(
      "UNAUTHENTICATED INVALID_API_KEY",
    );
  });

  test("of what it may do as administrator comes at once when its owner is none any more", async () => {
    const owner = await signedUp("demoted");
    const userId = await owner.id();
    await admin.send("PATCH", `/users/${userId}`, { role: "admin" });
    const key = await createKey(await owner.logIn({ email: "demoted@example.org" }), [
      "admin",
      "photos:read",
    ]);
    expect(await outcomeOf(key.client.request("/users"))).toBe("200");
    await admin.send("PATCH", `/users/${userId}`, { role: "user" });
    await expect.poll(() => outcomeOf(key.client.request("/users")), soon).toMatch(/^40[13] /);
  });
});

test("after all that, no answer was a fault of the server", async () => {
  expect(await serverFaults(ocelli.process)).toEqual({ answers: 0, logged: [] });
});
