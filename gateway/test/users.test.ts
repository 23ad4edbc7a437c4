import { Status } from "nice-grpc";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type AccessWorld, ada, failWith, someId } from "./auth-upstreams.ts";
import { bodyOf, problemOf } from "./json.ts";
import { startTestGateway, type TestGateway } from "./running-gateway.ts";
import { defaultUserId } from "./tokens.ts";

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

const send = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  test.call(path, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
  });
const requestOf = (method: string) => world.calls.find((call) => call.method === method)?.request;
const adaView = {
  id: defaultUserId,
  email: "ada@example.org",
  name: "Ada",
  role: "admin",
  createdAt: "2026-01-01T00:00:00.000Z",
  emailVerified: true,
  disabled: false,
  twoFactorEnabled: false,
  hasPassword: true,
};

describe("/users/me", () => {
  it("is the caller's account", async () => {
    world.answers.set("getCurrentUser", { user: ada });
    expect(await bodyOf(await test.call("/users/me"))).toEqual(adaView);
    const renamed = await send("PATCH", "/users/me", { name: "Countess" });
    expect(await bodyOf(renamed)).toMatchObject({ name: "Countess" });
    expect(requestOf("updateUser")).toMatchObject({
      userId: defaultUserId,
      name: "Countess",
      updateMask: ["name"],
    });
  });

  it("cannot be given a role", async () => {
    for (const body of [{ name: "A", role: "admin" }, { role: "admin" }, { name: "A", id: someId }, {}]) {
      expect(await problemOf(await send("PATCH", "/users/me", body))).toEqual([400, "INVALID_ARGUMENT"]);
    }
    expect(world.calls).toEqual([]);
  });

  it("is deleted with the password, and its session is refused at once", async () => {
    const authorization = `Bearer ${await test.signer.sign({ sessionId: crypto.randomUUID() })}`;
    failWith(world, "deleteUser", Status.UNAUTHENTICATED, "INVALID_CREDENTIALS");
    const wrong = await send("DELETE", "/users/me", { password: "wrong" }, { authorization });
    expect(await problemOf(wrong)).toEqual([401, "INVALID_CREDENTIALS"]);
    expect(wrong.headers.getSetCookie()).toEqual([]);
    world.failures.clear();
    expect((await test.call("/users/me", { headers: { authorization } })).status).toBe(200);
    const deleted = await send("DELETE", "/users/me", { password: "long enough" }, { authorization });
    expect(deleted.status).toBe(204);
    expect(world.calls.at(-1)?.request).toMatchObject({ userId: defaultUserId, password: "long enough" });
    expect(await problemOf(await test.call("/users/me", { headers: { authorization } }))).toEqual([
      401,
      "TOKEN_REVOKED",
    ]);
  });

  it("needs no body where there is no password", async () => {
    const authorization = `Bearer ${await test.signer.sign({ sessionId: crypto.randomUUID() })}`;
    expect((await send("DELETE", "/users/me", undefined, { authorization })).status).toBe(204);
    expect(requestOf("deleteUser")).toMatchObject({ password: "" });
  });

  it("shows usage and activity", async () => {
    expect(await bodyOf(await test.call("/users/me/usage"))).toEqual({
      bytes: 5_000_000_000,
      photos: 12,
      maxBytes: 10_000_000_000,
      maxPhotos: 0,
    });
    expect(await bodyOf(await test.call("/users/me/activity"))).toEqual({
      items: [
        {
          id: someId,
          at: "2026-02-03T04:05:06.000Z",
          actor: defaultUserId,
          action: "session.opened",
          userId: null,
          targetId: null,
          outcome: "success",
          reason: null,
          address: "",
          userAgent: "",
        },
      ],
      nextPageToken: "",
    });
  });
});

describe("/users", () => {
  it("lists, finds and creates", async () => {
    const page = await bodyOf(await test.call("/users?query=Ada%20L&pageSize=2"));
    expect(page).toEqual({ items: [adaView], nextPageToken: "more" });
    expect(requestOf("listUsers")).toMatchObject({ query: "Ada L", pageSize: 2 });
    const created = await send("POST", "/users", { email: "bob@example.org", name: "Bob" });
    expect([created.status, created.headers.get("location")]).toEqual([201, `/api/v1/users/${someId}`]);
    expect(requestOf("createUser")).toMatchObject({
      email: "bob@example.org",
      name: "Bob",
      password: "",
      role: "user",
    });
  });

  it("refuses queries that no store can answer", async () => {
    for (const query of ["a\0b", "x".repeat(101)]) {
      const response = await test.call(`/users?query=${encodeURIComponent(query)}`);
      expect(await problemOf(response)).toEqual([400, "INVALID_ARGUMENT"]);
    }
    expect(world.calls).toEqual([]);
  });

  it("reads, changes and deletes one", async () => {
    expect(await bodyOf(await test.call(`/users/${someId}`))).toEqual(adaView);
    await send("PATCH", `/users/${someId}`, { disabled: false, role: "admin" });
    expect(requestOf("updateUser")).toEqual({
      userId: someId,
      name: "",
      role: "admin",
      disabled: false,
      updateMask: ["role", "disabled"],
    });
    expect((await send("DELETE", `/users/${someId}`)).status).toBe(204);
    expect(requestOf("deleteUser")).toMatchObject({ userId: someId });
  });

  it("ends every session of one, and refuses them at once", async () => {
    const sessionId = crypto.randomUUID();
    const authorization = `Bearer ${await test.signer.sign({ sessionId })}`;
    expect((await test.call("/users/me", { headers: { authorization } })).status).toBe(200);
    world.answers.set("endUserSessions", { sessionIds: [sessionId, someId] });
    expect(await bodyOf(await send("DELETE", `/users/${someId}/sessions`))).toEqual({ revoked: 2 });
    expect(requestOf("endUserSessions")).toEqual({ userId: someId });
    const refused = await test.call("/users/me", { headers: { authorization } });
    expect(await problemOf(refused)).toEqual([401, "TOKEN_REVOKED"]);
    const nobody = await send("DELETE", "/users/nobody/sessions");
    expect(await problemOf(nobody)).toEqual([404, "USER_NOT_FOUND"]);
  });

  it("passes on what auth says", async () => {
    failWith(world, "updateUser", Status.FAILED_PRECONDITION, "LAST_ADMIN");
    const last = await send("PATCH", `/users/${someId}`, { role: "user" });
    expect(await problemOf(last)).toEqual([409, "LAST_ADMIN"]);
    failWith(world, "getUser", Status.NOT_FOUND, "USER_NOT_FOUND");
    expect(await problemOf(await test.call(`/users/${someId}`))).toEqual([404, "USER_NOT_FOUND"]);
    expect(await problemOf(await send("PATCH", `/users/${someId}`, {}))).toEqual([400, "INVALID_ARGUMENT"]);
  });
});

describe("quota", () => {
  it("is set by administrators: null for the default, 0 for unlimited", async () => {
    const set = await send("PUT", `/users/${someId}/quota`, { bytes: 0, photos: null });
    expect(await bodyOf(set)).toMatchObject({ maxBytes: 10_000_000_000 });
    expect(requestOf("setQuota")).toEqual({ userId: someId, quota: { bytes: 0, photos: undefined } });
    expect((await bodyOf(await test.call(`/users/${someId}/usage`))).photos).toBe(12);
    expect(requestOf("getUserUsage")).toEqual({ userId: someId });
  });

  it("is refused where it makes no sense", async () => {
    const bad = [
      { bytes: -1, photos: 1 },
      { bytes: 1.5, photos: 1 },
      { bytes: "5", photos: 1 },
      { bytes: 1 },
    ];
    for (const body of [...bad, { bytes: 2 ** 53, photos: 1 }, { bytes: 1e300, photos: null }]) {
      const response = await send("PUT", `/users/${someId}/quota`, body);
      expect(await problemOf(response)).toEqual([400, "INVALID_ARGUMENT"]);
    }
    expect(world.calls).toEqual([]);
  });

  it("is not stored for nobody", async () => {
    failWith(world, "getUser", Status.NOT_FOUND, "USER_NOT_FOUND");
    const set = await send("PUT", `/users/${someId}/quota`, { bytes: 0, photos: 0 });
    expect(await problemOf(set)).toEqual([404, "USER_NOT_FOUND"]);
    expect(requestOf("setQuota")).toBeUndefined();
    expect(await problemOf(await test.call(`/users/${someId}/usage`))).toEqual([404, "USER_NOT_FOUND"]);
  });
});

describe("/audit", () => {
  it("asks in its own words", async () => {
    const query =
      "from=2026-01-01T00:00:00Z&until=2026-02-01T00:00:00%2B01:00&outcome=failure&action=session.";
    const page = await bodyOf(await test.call(`/audit?${query}&userId=${someId}`));
    expect(page).toMatchObject({ items: [{ action: "session.opened" }], nextPageToken: "more" });
    expect(requestOf("listAudit")).toMatchObject({
      userId: someId,
      action: "session.",
      outcome: "failure",
      from: new Date("2026-01-01T00:00:00Z"),
      until: new Date("2026-01-31T23:00:00Z"),
    });
    await test.call("/audit");
    expect(world.calls[1]?.request).toMatchObject({ userId: "", action: "", outcome: "", from: undefined });
  });

  it("refuses what cannot be meant", async () => {
    const queries = [
      "userId=me",
      "action=%27%20or%201",
      "action=Session",
      "outcome=maybe",
      "from=yesterday",
      "from=2026-02-30T00:00:00Z",
      "until=99999-01-01T00:00:00Z",
      "from=2026-01-01",
      "from=2026-01-01T00:00:00Z&from=2026-01-02T00:00:00Z",
    ];
    for (const query of queries) {
      expect(await problemOf(await test.call(`/audit?${query}`)), query).toEqual([400, "INVALID_ARGUMENT"]);
    }
    expect(world.calls).toEqual([]);
  });
});

describe("what administrators do", () => {
  const closed: Array<[string, string, unknown?]> = [
    ["GET", "/users"],
    ["POST", "/users", {}],
    ["DELETE", `/users/${someId}/sessions`],
    ["GET", `/users/${someId}/usage`],
    ["PUT", `/users/${someId}/quota`, {}],
    ["GET", "/audit"],
    ["GET", "/service-accounts"],
    ["POST", "/service-accounts", {}],
    ["DELETE", `/service-accounts/${someId}`],
  ];

  it.each(closed)("is closed to others: %s %s", async (method, path, body) => {
    const token = await test.signer.sign({ scope: "photos:read photos:write search people profile" });
    const response = await send(method, path, body, { authorization: `Bearer ${token}` });
    expect(await problemOf(response)).toEqual([403, "SCOPE_REQUIRED"]);
    const stranger = await fetch(`${test.url}/api/v1${path}`, { method });
    expect(await problemOf(stranger)).toEqual([401, "UNAUTHENTICATED"]);
    expect(world.calls).toEqual([]);
  });
});
