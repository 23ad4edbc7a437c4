import { Status } from "nice-grpc";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type AccessWorld, failWith, someId } from "./auth-upstreams.ts";
import { bodyOf, problemOf } from "./json.ts";
import { startTestGateway, type TestGateway } from "./running-gateway.ts";

let test: TestGateway;
let world: AccessWorld;
beforeAll(async () => {
  test = await startTestGateway();
  world = test.upstreams.world.access;
});
afterAll(() => test.stop());
beforeEach(() => {
  world.calls.length = 0;
  world.failures.clear();
  world.answers.clear();
});

const post = (path: string, body: unknown) =>
  test.call(path, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json" },
  });
const requestOf = (method: string) => world.calls.find((call) => call.method === method)?.request;

describe("/api-keys", () => {
  const view = {
    id: someId,
    name: "backup",
    prefix: "ocelli_ak_3xQz9aB2",
    scopes: ["search"],
    createdAt: "2026-02-03T04:05:06.000Z",
    expiresAt: null,
    lastUsedAt: null,
  };

  it("shows the secret once, to nobody else", async () => {
    const created = await post("/api-keys", {
      name: "backup",
      scopes: ["search", "photos:read"],
      expiresAt: "2030-01-01T00:00:00+02:00",
    });
    expect([created.status, created.headers.get("cache-control")]).toEqual([201, "no-store"]);
    expect(await bodyOf(created)).toEqual({ ...view, secret: "ocelli_ak_secret" });
    expect(requestOf("createApiKey")).toEqual({
      name: "backup",
      scopes: ["search", "photos:read"],
      expiresAt: new Date("2029-12-31T22:00:00Z"),
    });
    expect(await bodyOf(await test.call("/api-keys"))).toEqual({ items: [view], nextPageToken: "" });
  });

  it("never ends unless it is told to", async () => {
    await post("/api-keys", { name: "backup", scopes: ["search"], expiresAt: null });
    await post("/api-keys", { name: "backup", scopes: ["search"] });
    for (const { request } of world.calls) expect(request).toMatchObject({ expiresAt: undefined });
  });

  it("refuses scopes and times that do not exist", async () => {
    const good = { name: "backup", scopes: ["search"] };
    const bad = [
      { ...good, scopes: [] },
      { ...good, scopes: ["everything"] },
      { ...good, scopes: ["search", "search"] },
      { ...good, scopes: ["service"] },
      { ...good, scopes: Array(100).fill("search") },
      { ...good, expiresAt: "tomorrow" },
      { ...good, expiresAt: "2030-13-01T00:00:00Z" },
      { ...good, expiresAt: `2030-01-01T00:00:00.${"0".repeat(100)}Z` },
      { ...good, expiresAt: 1_900_000_000 },
      { ...good, id: someId },
    ];
    for (const body of bad) {
      expect(await problemOf(await post("/api-keys", body)), JSON.stringify(body)).toEqual([
        400,
        "INVALID_ARGUMENT",
      ]);
    }
    expect(world.calls).toEqual([]);
  });

  it("passes on what auth says", async () => {
    const good = { name: "backup", scopes: ["admin"] };
    failWith(world, "createApiKey", Status.PERMISSION_DENIED, "SCOPE_NOT_HELD");
    expect(await problemOf(await post("/api-keys", good))).toEqual([403, "SCOPE_NOT_HELD"]);
    failWith(world, "createApiKey", Status.FAILED_PRECONDITION, "TOO_MANY_API_KEYS");
    expect(await problemOf(await post("/api-keys", good))).toEqual([409, "TOO_MANY_API_KEYS"]);
  });

  it("a revoked key is refused at once", async () => {
    const id = crypto.randomUUID();
    const headers = { authorization: `Bearer ${await test.signer.sign({ apiKeyId: id })}` };
    expect((await test.call("/users/me", { headers })).status).toBe(200);
    expect((await test.call(`/api-keys/${id}`, { method: "DELETE" })).status).toBe(204);
    expect(await problemOf(await test.call("/users/me", { headers }))).toEqual([401, "TOKEN_REVOKED"]);
  });

  it("somebody else's key is neither revoked nor refused", async () => {
    const id = crypto.randomUUID();
    failWith(world, "deleteApiKey", Status.NOT_FOUND, "API_KEY_NOT_FOUND");
    const response = await test.call(`/api-keys/${id}`, { method: "DELETE" });
    expect(await problemOf(response)).toEqual([404, "API_KEY_NOT_FOUND"]);
    const headers = { authorization: `Bearer ${await test.signer.sign({ apiKeyId: id })}` };
    expect((await test.call("/users/me", { headers })).status).toBe(200);
  });
});

describe("/service-accounts", () => {
  const view = {
    id: someId,
    name: "frame",
    scopes: ["search"],
    userId: null,
    createdAt: "2026-02-03T04:05:06.000Z",
    lastUsedAt: null,
  };

  it("are made, listed and revoked", async () => {
    const created = await post("/service-accounts", { name: "frame", scopes: ["search"], userId: someId });
    expect([created.status, created.headers.get("cache-control")]).toEqual([201, "no-store"]);
    expect(await bodyOf(created)).toEqual({ ...view, secret: "ocelli_sa_secret" });
    expect(requestOf("createServiceAccount")).toEqual({ name: "frame", scopes: ["search"], userId: someId });
    const page = await bodyOf(await test.call("/service-accounts"));
    expect(page).toEqual({ items: [view], nextPageToken: "" });
    expect((await test.call(`/service-accounts/${someId}`, { method: "DELETE" })).status).toBe(204);
    expect(requestOf("deleteServiceAccount")).toEqual({ serviceAccountId: someId });
  });

  it("have names that fit everywhere", async () => {
    for (const name of ["", "Frame", "1frame", "-frame", "fra me", "frame\n", "ⅰframe", "x".repeat(41)]) {
      const response = await post("/service-accounts", { name, scopes: ["search"] });
      expect(await problemOf(response), name).toEqual([400, "INVALID_ARGUMENT"]);
    }
    expect(world.calls).toEqual([]);
  });
});
