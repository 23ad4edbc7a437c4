import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { TOTP } from "otpauth";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Client, testPassword } from "./harness/client.ts";
import { type ObservedOcelli, startObserved } from "./harness/database.ts";
import { everywhere, type GrpcServices, grpcAddress, openServices } from "./harness/grpc-services.ts";
import { serverFaults, storedFiles } from "./harness/inspection.ts";
import { removeFolders } from "./harness/ocelli-process.ts";
import { differentPictures, photoBytes } from "./harness/photos.ts";
import { outcomeOf } from "./harness/problems.ts";
import { tracesOf } from "./harness/traces.ts";

let ocelli: ObservedOcelli;
let services: GrpcServices;
let admin: Client;

beforeAll(async () => {
  // A mail server that is not there: whatever is queued stays in the store.
  ocelli = await startObserved({ SMTP_URL: "smtp://127.0.0.1:1" });
  services = openServices((name) => grpcAddress(ocelli.process, name));
  admin = await Client.signedUp(ocelli.url, "admin@example.org");
});

afterAll(async () => {
  services?.close();
  await ocelli?.stop();
  removeFolders();
});

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const signedUp = (name: string) => Client.signedUp(ocelli.url, `${name}@example.org`);
const blobs = () => storedFiles(ocelli.dataFolder).filter((file) => file.startsWith("blobs/"));
const blobsOf = (bytes: Uint8Array) => blobs().filter((file) => file.includes(sha256(bytes)));

async function createSecret(client: Client, path: string, body: unknown): Promise<string> {
  const response = await client.post(path, body);
  expect(response.status).toBe(201);
  return z.object({ secret: z.string() }).parse(await response.json()).secret;
}

/** Turns two-factor authentication on, which leaves a secret and recovery codes in the store. */
async function enrol(client: Client): Promise<void> {
  const begin = await client.post("/auth/two-factor", { password: testPassword });
  const { secret } = z.object({ secret: z.string() }).parse(await begin.json());
  const code = new TOTP({ secret }).generate();
  expect(await outcomeOf(client.post("/auth/two-factor/confirm", { code }))).toBe("200");
}

/** Where a user may still be named: what happened stays on record, and that he is gone is remembered. */
const remembered = [
  "auth.audit_log",
  "auth.outbox",
  ...["captioning", "face", "library", "scene", "search"].map((schema) => `${schema}.deleted_owners`),
];

describe("a user with photos, keys and a second factor, deleted by himself", () => {
  const shared = photoBytes("coffee.png");
  const own = { "astronaut.png": photoBytes("astronaut.png"), "rocket.jpg": photoBytes("rocket.jpg") };
  let user: Client;
  let other: Client;
  let userId: string;
  let otherPhoto: string;
  let apiKey: Client;
  let accountSecret: string;
  let words: string[];

  beforeAll(async () => {
    user = await signedUp("leaving");
    other = await signedUp("staying");
    userId = await user.id();
    const ids = [await user.upload(shared, "coffee.png")];
    for (const [name, bytes] of Object.entries(own)) ids.push(await user.upload(bytes, name));
    otherPhoto = await other.upload(shared, "my coffee.png");
    for (const id of ids) await user.analysed(id);
    await other.analysed(otherPhoto);
    const scopes = ["photos:read", "photos:write", "profile", "search"];
    apiKey = new Client(ocelli.url);
    apiKey.apiKey = await createSecret(user, "/api-keys", { name: "key", scopes });
    expect(await outcomeOf(apiKey.request("/photos"))).toBe("200");
    accountSecret = await createSecret(admin, "/service-accounts", { name: "frame", scopes, userId });
    expect(await outcomeOf(admin.send("PUT", `/users/${userId}/quota`, { bytes: 1e9, photos: 9 }))).toBe(
      "200",
    );
    await user.post("/auth/password/forgot", { email: "leaving@example.org" });
    await user.post("/auth/email/change", { newEmail: "elsewhere@example.org", password: testPassword });
    await enrol(user);
    words = [
      userId,
      ...ids,
      ...Object.values(own).map(sha256),
      "leaving@example.org",
      "elsewhere@example.org",
    ];
  });

  test("is in many places before", async () => {
    expect(Object.keys(await tracesOf(ocelli, words))).toEqual(
      expect.arrayContaining([
        "auth.action_tokens",
        "auth.api_keys",
        "auth.audit_log",
        "auth.mails",
        "auth.recovery_codes",
        "auth.second_factors",
        "auth.service_accounts",
        "auth.sessions",
        "auth.users",
        "face.faces",
        "library.owner_usage",
        "library.photo_stages",
        "library.photos",
        "scene.photo_scenes",
      ]),
    );
    for (const schema of ["captioning", "search"])
      expect(Object.keys(await tracesOf(ocelli, words)).join(" ")).toContain(`${schema}.`);
    for (const bytes of [shared, ...Object.values(own)])
      expect(blobsOf(bytes).length).toBeGreaterThanOrEqual(3);
  });

  test("needs his password for it", async () => {
    const wrong = { password: "wrong password" };
    expect(await outcomeOf(user.send("DELETE", "/users/me", wrong))).toBe("401 INVALID_CREDENTIALS");
    expect(await outcomeOf(user.send("DELETE", "/users/me"))).toBe("401 INVALID_CREDENTIALS");
    expect(await outcomeOf(user.send("DELETE", `/users/${userId}`))).toBe("401 INVALID_CREDENTIALS");
    expect(await outcomeOf(other.send("DELETE", `/users/${userId}`))).toBe("404 USER_NOT_FOUND");
    expect(await outcomeOf(apiKey.send("DELETE", "/users/me", { password: testPassword }))).toBe(
      "403 SESSION_REQUIRED",
    );
    expect(await outcomeOf(user.request("/photos"))).toBe("200");
  });

  test("has no access any more, by token, key or service account, at once and everywhere", async () => {
    expect(await outcomeOf(user.send("DELETE", "/users/me", { password: testPassword }))).toBe("204");
    expect(await outcomeOf(user.request("/photos"))).toBe("401 TOKEN_REVOKED");
    const soon = { timeout: 5000, interval: 20 };
    await expect
      .poll(() => services.outcomes(user.token), soon)
      .toEqual(everywhere("UNAUTHENTICATED TOKEN_REVOKED"));
    await expect.poll(() => outcomeOf(apiKey.request("/photos")), soon).toBe("401 INVALID_API_KEY");
    await expect(
      services.auth.issueServiceToken({ clientId: "frame", clientSecret: accountSecret }),
    ).rejects.toThrow(/UNAUTHENTICATED/);
    const anonymous = new Client(ocelli.url);
    const refresh = { refreshToken: user.refreshToken };
    expect(await outcomeOf(anonymous.post("/auth/refresh", refresh))).toBe("401 INVALID_REFRESH_TOKEN");
    const login = { email: "leaving@example.org", password: testPassword };
    expect(await outcomeOf(anonymous.post("/auth/login", login))).toBe("401 INVALID_CREDENTIALS");
  });

  test("is nowhere in any table of any service, but for the record of it", async () => {
    const elsewhere = async () =>
      Object.keys(await tracesOf(ocelli, words)).filter((table) => !remembered.includes(table));
    await expect.poll(elsewhere, { timeout: 20_000, interval: 200 }).toEqual([]);
    const traces = await tracesOf(ocelli, words);
    for (const schema of ["captioning", "face", "library", "scene", "search"])
      expect(traces[`${schema}.deleted_owners`], schema).toBe(1);
    // Of him the record knows his id alone: neither address, photo nor file.
    expect(Object.keys(await tracesOf(ocelli, words.slice(1)))).toEqual([]);
    const deleted = await admin.request(`/audit?action=account.deleted&outcome=success&userId=${userId}`);
    expect(await deleted.json()).toMatchObject({ items: [{ actor: userId, userId }] });
  });

  test("leaves no files, but for the photo that another user has too", async () => {
    await expect
      .poll(() => Object.values(own).flatMap(blobsOf), { timeout: 10_000, interval: 100 })
      .toEqual([]);
    expect(blobsOf(shared)).toHaveLength(3);
    expect(blobs()).toHaveLength(3);
    const original = await other.request(`/photos/${otherPhoto}/original`);
    expect(Buffer.compare(Buffer.from(await original.arrayBuffer()), shared)).toBe(0);
    for (const rendition of ["preview", "thumbnail"])
      expect(await outcomeOf(other.request(`/photos/${otherPhoto}/${rendition}`))).toBe("200");
  });

  test("takes nothing from the other user, who still finds his photo", async () => {
    expect((await other.photos()).map(({ id }) => id)).toEqual([otherPhoto]);
    const photo = await other.photo(otherPhoto);
    expect(photo.caption?.text).toBeTruthy();
    expect(new Set(Object.values(photo.stages).map(({ status }) => status))).toEqual(new Set(["SUCCEEDED"]));
    expect((await other.search("cup of coffee")).map(({ photoId }) => photoId)).toEqual([otherPhoto]);
    expect(await other.search("astronaut in a space suit", "&minScore=0")).toHaveLength(1);
  });

  test("can sign up again, as somebody new who owns nothing", async () => {
    const again = await signedUp("leaving");
    expect(await again.id()).not.toBe(userId);
    expect(await again.photos()).toEqual([]);
    expect(await again.search("cup of coffee", "&minScore=0")).toEqual([]);
    expect(await (await again.request("/users/me/usage")).json()).toEqual({
      bytes: 0,
      photos: 0,
      maxBytes: 0,
      maxPhotos: 0,
    });
    // What was deleted can be stored anew.
    await again.analysed(await again.upload(own["rocket.jpg"], "rocket.jpg"));
  });
});

describe("a user deleted by an administrator", () => {
  test("in the midst of the analysis: nothing of it comes back", async () => {
    const user = await signedUp("busy");
    const userId = await user.id();
    const pictures = await differentPictures(6, 12);
    const ids = await Promise.all(pictures.map((bytes, index) => user.upload(bytes, `${index}.jpg`)));
    expect(await outcomeOf(admin.send("DELETE", `/users/${userId}`))).toBe("204");
    const words = [userId, ...ids, ...pictures.map(sha256)];
    const elsewhere = async () =>
      Object.keys(await tracesOf(ocelli, words)).filter((table) => !remembered.includes(table));
    await expect.poll(elsewhere, { timeout: 20_000, interval: 200 }).toEqual([]);
    await expect.poll(() => pictures.flatMap(blobsOf), { timeout: 10_000, interval: 100 }).toEqual([]);
    // Long enough for whatever was under way to end: a photo takes less than half a second.
    await delay(3000);
    expect(await elsewhere()).toEqual([]);
    expect(pictures.flatMap(blobsOf)).toEqual([]);
  });

  test("is unknown afterwards; somebody has to stay administrator", async () => {
    const userId = await (await signedUp("gone")).id();
    expect(await outcomeOf(admin.send("DELETE", `/users/${userId}`))).toBe("204");
    for (const method of ["DELETE", "GET"])
      expect(await outcomeOf(admin.send(method, `/users/${userId}`))).toBe("404 USER_NOT_FOUND");
    expect(await outcomeOf(admin.send("DELETE", "/users/me", { password: testPassword }))).toBe(
      "409 LAST_ADMIN",
    );
    expect(await outcomeOf(admin.request("/users"))).toBe("200");
  });
});

test("after all that, no answer was a fault of the server", async () => {
  expect(await serverFaults(ocelli.process)).toEqual({ answers: 0, logged: [] });
});
