import { Status } from "nice-grpc";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { failWith, someId } from "./auth-upstreams.ts";
import { type GoodRequest, hostileBodies, send } from "./hostile.ts";
import { bodyOf, problemOf } from "./json.ts";
import { crop, person } from "./people-upstreams.ts";
import { fileForm, startTestGateway, type TestGateway } from "./running-gateway.ts";
import { defaultUserId } from "./tokens.ts";
import { addPhoto } from "./upstreams.ts";

let test: TestGateway;
beforeAll(async () => {
  test = await startTestGateway({
    ...{ RATE_LIMIT_WRITE: "off", RATE_LIMIT_READ: "off", RATE_LIMIT_ANALYZE: "off" },
    ...{ MAX_UPLOAD_BYTES: "1000000", MAX_ACTIVE_DETECTIONS: "2", MAX_DETECTIONS_PER_USER: "1" },
  });
});
afterAll(() => test.stop());
beforeEach(() => {
  const { access, people, photos } = test.upstreams.world;
  access.calls.length = 0;
  access.failures.clear();
  access.answers.clear();
  photos.clear();
  people.personPhotoIds.length = 0;
});

const calls = () => test.upstreams.world.access.calls;
const asked = () => calls().map(({ method, request }) => [method, request]);
const at = "2026-02-03T04:05:06.000Z";
const other = "018f0000-0000-7000-8000-0000000000bb";
const personView = {
  ...{ id: someId, name: "Ada", hidden: false, favorite: false, birthDate: null, coverFaceId: someId },
  ...{ faceCount: 2, photoCount: 1, source: "USER", createdAt: at, updatedAt: at },
};
const box = { x: 0, y: 0, width: 0, height: 0 };
const faceView = {
  ...{ id: someId, box, score: 0.9, quality: 0.8, personId: someId, personName: "Ada" },
  ...{ photoId: someId, source: "MODEL", similarity: 0.7, createdAt: at },
};
const mergeView = { id: someId, survivorId: someId, personIds: [someId], createdAt: at, undoneAt: null };
const regrouping = {
  ...{ started: true, running: true, facesSeen: 0, facesAssigned: 0, peopleMade: 0 },
  ...{ requestedAt: at, finishedAt: null },
};
const page = { pageSize: 0, pageToken: "" };
const more = { nextPageToken: "more" };
const person_ = `/people/${someId}`;
const face_ = `/faces/${someId}`;

function json(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  if (body === undefined) return test.call(path, { method, headers });
  return test.call(path, {
    method,
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  });
}

describe("routes", () => {
  const bodyless: Array<[string, string, number, unknown, string, unknown]> = [
    ["GET", person_, 200, personView, "getPerson", { personId: someId }],
    ["DELETE", person_, 204, undefined, "deletePerson", { personId: someId, erase: false }],
    ["DELETE", `${person_}?erase=true`, 204, undefined, "deletePerson", { personId: someId, erase: true }],
    [
      "GET",
      `${person_}/faces?pageSize=3`,
      200,
      { items: [faceView], ...more },
      "listFaces",
      { ...page, pageSize: 3, personId: someId },
    ],
    ["GET", "/merges", 200, { items: [mergeView], ...more }, "listMerges", page],
    [
      "POST",
      `/merges/${someId}/undo`,
      200,
      { ...mergeView, undoneAt: at, people: [personView] },
      "undoMerge",
      { mergeId: someId },
    ],
    [
      "GET",
      "/people/suggestions?pageToken=x",
      200,
      { items: [{ person: personView, other: personView, score: 0.5 }], ...more },
      "listSuggestions",
      { ...page, pageToken: "x" },
    ],
    ["POST", "/people/regroup", 202, regrouping, "regroupFaces", {}],
    ["GET", "/people/regroup", 200, regrouping, "getRegrouping", {}],
    ["GET", "/people/settings", 200, { enabled: true }, "getFaceSettings", {}],
    ["GET", "/faces", 200, { items: [faceView], ...more }, "listFaces", { ...page, personId: "" }],
    ["GET", face_, 200, faceView, "getFace", { faceId: someId }],
    [
      "DELETE",
      `${face_}/reject/${other}`,
      204,
      undefined,
      "unrejectFace",
      { faceId: someId, personId: other },
    ],
  ];
  it.each(bodyless)("%s %s", async (method, path, status, body, rpc, request) => {
    const response = await json(method, path);
    expect(response.status).toBe(status);
    if (body !== undefined) expect(await response.json()).toEqual(body);
    expect(asked()).toEqual([[rpc, request]]);
  });

  const bodies: Array<[string, string, unknown, number, unknown, string, unknown]> = [
    [
      "POST",
      "/people",
      { faceIds: [someId.toUpperCase()], name: "Ada" },
      201,
      personView,
      "createPerson",
      { faceIds: [someId], name: "Ada", requestId: "" },
    ],
    [
      "POST",
      `${person_}/merge`,
      { personIds: [other] },
      201,
      { ...mergeView, person: personView },
      "mergePeople",
      { survivorId: someId, personIds: [other] },
    ],
    [
      "POST",
      "/people/suggestions",
      { personId: someId, otherId: other, same: true },
      200,
      { merge: mergeView },
      "answerSuggestion",
      { personId: someId, otherId: other, same: true },
    ],
    [
      "PATCH",
      "/people/settings",
      { enabled: false },
      200,
      { enabled: true },
      "updateFaceSettings",
      { settings: { enabled: false }, updateMask: ["enabled"] },
    ],
    ["PATCH", face_, { personId: null }, 200, faceView, "assignFaces", { faceIds: [someId], personId: "" }],
    [
      "POST",
      "/faces/assign",
      { faceIds: [someId, other], personId: other },
      200,
      { faces: [faceView] },
      "assignFaces",
      { faceIds: [someId, other], personId: other },
    ],
    [
      "POST",
      `${face_}/reject`,
      { personId: other },
      200,
      faceView,
      "rejectFace",
      { faceId: someId, personId: other },
    ],
  ];
  it.each(bodies)("%s %s %j", async (method, path, body, status, answer, rpc, request) => {
    const response = await json(method, path, body);
    expect([response.status, await response.json()]).toEqual([status, answer]);
    expect(asked()).toEqual([[rpc, request]]);
  });

  it("lists persons as asked, with what is unknown as null", async () => {
    const response = await test.call("/people?q=ad&named=true&hidden=false&order=-faces&pageSize=7");
    expect(await response.json()).toEqual({ items: [personView, { ...personView, name: null }], ...more });
    const request = { query: "ad", named: true, hidden: false, order: "PERSON_ORDER_FACES_DESC" };
    expect(asked()).toEqual([["listPeople", { ...page, pageSize: 7, ...request }]]);
    await test.call("/people");
    expect(calls()[1]?.request).toEqual({
      ...page,
      query: "",
      order: "PERSON_ORDER_UNSPECIFIED",
    });
  });

  it.each([
    [{ name: "Ada" }, { name: "Ada" }, ["name"]],
    [{ name: null, birthDate: null }, { name: "", birthDate: "" }, ["name", "birth_date"]],
    [{ hidden: false, favorite: true }, { favorite: true }, ["hidden", "favorite"]],
    [
      { coverFaceId: other, birthDate: "1815-12-10" },
      { coverFaceId: other, birthDate: "1815-12-10" },
      ["cover_face_id", "birth_date"],
    ],
  ])("changes of a person only what %j names", async (body, fields, updateMask) => {
    expect((await json("PATCH", person_, body)).status).toBe(200);
    expect(calls()[0]?.request).toMatchObject({ person: { id: someId, ...fields }, updateMask });
  });

  it("makes a person once for one key", async () => {
    const body = { faceIds: [someId] };
    const made = await json("POST", "/people", body, { "idempotency-key": other });
    expect(made.headers.get("location")).toBe(`/api/v1/people/${someId}`);
    await json("POST", "/people", { ...body, requestId: someId }, { "idempotency-key": other });
    const ids = calls().map(({ request }) => request);
    expect(ids).toMatchObject([{ requestId: other }, { requestId: someId }]);
    expect(await problemOf(await json("POST", "/people", body, { "idempotency-key": "" }))).toEqual([
      400,
      "INVALID_ARGUMENT",
    ]);
  });

  it("shows a person's photos as lists of photos do, without those that are gone", async () => {
    const { world } = test.upstreams;
    const [first, second] = [
      addPhoto(world, { ownerId: defaultUserId }),
      addPhoto(world, { ownerId: other }),
    ];
    world.people.personPhotoIds.push(second.id, first.id, someId);
    const answer = await bodyOf(await test.call(`${person_}/photos?pageSize=3`));
    expect(answer).toMatchObject({ items: [{ id: first.id, stages: {} }], nextPageToken: "more" });
    expect(answer.items).toHaveLength(1);
    world.people.personPhotoIds.length = 0;
    expect(await bodyOf(await test.call(`${person_}/photos`))).toMatchObject({ items: [] });
  });
});

describe("cut-outs", () => {
  it.each([`${face_}/crop`, `${person_}/cover`])(
    "%s is private, harmless and known by its tag",
    async (path) => {
      const response = await test.call(path);
      expect(Buffer.from(await response.arrayBuffer())).toEqual(crop);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        ...{ "content-type": "image/jpeg", "content-length": String(crop.length), etag: '"abc"' },
        "cache-control": "private, no-cache",
        "content-disposition": `inline; filename="${someId}.jpg"`,
        "content-security-policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox",
        "x-content-type-options": "nosniff",
      });
      const again = await test.call(path, { headers: { "if-none-match": '"x", W/"abc"' } });
      expect([again.status, await again.text()]).toEqual([304, ""]);
      const head = await test.call(path, { method: "HEAD" });
      expect([head.status, await head.text(), head.headers.get("etag")]).toEqual([200, "", '"abc"']);
    },
  );

  it("are told to be missing, also when a person has no face", async () => {
    const { access } = test.upstreams.world;
    access.answers.set("getPerson", { person: { ...person, coverFaceId: "" } });
    expect(await problemOf(await test.call(`${person_}/cover`))).toEqual([404, "CROP_NOT_FOUND"]);
    failWith(access, "getFaceCrop", Status.NOT_FOUND, "CROP_NOT_FOUND");
    expect(await problemOf(await test.call(`${face_}/crop`))).toEqual([404, "CROP_NOT_FOUND"]);
  });
});

describe("GET /people/{id}/export", () => {
  it("is a download of JSON lines", async () => {
    const response = await test.call(`${person_}/export`);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "application/x-ndjson",
      "content-disposition": `attachment; filename="person-${someId}.ndjson"`,
      "cache-control": "no-store",
    });
    const lines = (await response.text()).trim().split("\n");
    expect(lines.map((line) => JSON.parse(line).index)).toEqual([0, 1]);
    expect((await test.call(`${person_}/export`, { method: "HEAD" })).status).toBe(405);
  });

  it("is made no faster than it is taken, and given up with its reader", async () => {
    const { people } = test.upstreams.world;
    Object.assign(people, { exportChunks: 5_000, exported: 0, exportsEnded: 0 });
    const leaving = new AbortController();
    const response = await test.call(`${person_}/export`, { signal: leaving.signal });
    const reader = response.body?.getReader();
    await reader?.read();
    await expect.poll(async () => settled(() => people.exported), { timeout: 5_000 }).toBe(true);
    // 300 MB in all: what sockets and streams hold is far less.
    expect(people.exported).toBeLessThan(1_000);
    leaving.abort();
    await expect.poll(() => people.exportsEnded).toBe(1);
    people.exportChunks = 2;
    await expect
      .poll(async () => (await (await test.call(`${person_}/export`)).text()).length > 0)
      .toBe(true);
  });

  it("of nobody is a problem, not a broken download, and holds no place", async () => {
    failWith(test.upstreams.world.access, "exportPerson", Status.NOT_FOUND, "PERSON_NOT_FOUND");
    for (let attempt = 0; attempt < 300; attempt += 1) {
      const refused = await problemOf(await test.call(`${person_}/export`));
      if (refused[0] !== 404) expect(refused).toEqual([404, "PERSON_NOT_FOUND"]);
    }
  });
});

/** Whether a number has stopped growing. */
async function settled(read: () => number): Promise<boolean> {
  const before = read();
  await new Promise((resolve) => setTimeout(resolve, 300));
  return before > 0 && read() === before;
}

describe("POST /faces/search", () => {
  const search = (bytes: Buffer) => test.call("/faces/search", { method: "POST", body: fileForm(bytes) });

  it("tells whom the faces of a picture resemble", async () => {
    const response = await search(Buffer.alloc(200_000, 1));
    expect([response.status, await response.json()]).toEqual([
      200,
      {
        faces: [
          {
            box: { x: 0.1, y: 0.2, width: 0.3, height: 0.4 },
            ...{ score: 0.9, quality: 0.8, unknown: false },
            matches: [{ personId: someId, personName: null, similarity: 0.9 }],
          },
        ],
        ...{ model: "test-model@1", ms: 12 },
      },
    ]);
    expect(test.upstreams.world.people.searched).toBe(200_000);
  });

  it("refuses what is too large, no form, and more than is in hand", async () => {
    expect(await problemOf(await search(Buffer.alloc(1_200_000)))).toEqual([413, "FILE_TOO_LARGE"]);
    const text = await test.call("/faces/search", { method: "POST", body: "{}" });
    expect(await problemOf(text)).toEqual([415, "EXPECTED_MULTIPART"]);
    const form = new FormData();
    form.set("photo", "x");
    const missing = await test.call("/faces/search", { method: "POST", body: form });
    expect(await problemOf(missing)).toEqual([400, "MISSING_FILE"]);
    const answers = await Promise.all(Array.from({ length: 8 }, () => search(Buffer.alloc(500_000))));
    const statuses = new Set(answers.map(({ status }) => status));
    expect(statuses).toEqual(new Set([200, 429]));
    expect((await search(Buffer.from("x"))).status).toBe(200);
  });
});

describe("hostile input", () => {
  const requests: GoodRequest[] = [
    {
      method: "POST",
      path: "/people",
      body: { faceIds: [someId], name: "Ada", requestId: someId },
      optional: ["name", "requestId"],
    },
    {
      method: "PATCH",
      path: person_,
      body: { name: "Ada", hidden: true, favorite: true, coverFaceId: someId, birthDate: "1815-12-10" },
      optional: ["name", "hidden", "favorite", "coverFaceId", "birthDate"],
      nullable: ["name", "coverFaceId", "birthDate"],
    },
    { method: "POST", path: `${person_}/merge`, body: { personIds: [someId] } },
    {
      method: "POST",
      path: "/people/suggestions",
      body: { personId: someId, otherId: other, same: true },
    },
    { method: "PATCH", path: "/people/settings", body: { enabled: true } },
    { method: "PATCH", path: face_, body: { personId: someId }, nullable: ["personId"] },
    {
      method: "POST",
      path: "/faces/assign",
      body: { faceIds: [someId], personId: someId },
      nullable: ["personId"],
    },
    { method: "POST", path: `${face_}/reject`, body: { personId: someId } },
  ];

  it.each(requests)("bodies of $method $path reach no service", async (request) => {
    for (const hostile of hostileBodies(request)) {
      const response = await send(test, request, hostile);
      const body = await bodyOf(response);
      expect([response.status, body.reason], hostile.what).toEqual([hostile.status, hostile.reason]);
    }
    expect(calls()).toEqual([]);
  });

  it("bounds lists", async () => {
    const ids = (count: number) => Array.from({ length: count }, () => crypto.randomUUID());
    expect((await json("POST", "/faces/assign", { faceIds: ids(200), personId: null })).status).toBe(200);
    for (const [path, body] of [
      ["/faces/assign", { faceIds: ids(201), personId: null }],
      ["/people", { faceIds: ids(201) }],
      [`${person_}/merge`, { personIds: ids(51) }],
    ] as const) {
      expect(await problemOf(await json("POST", path, body)), path).toEqual([400, "INVALID_ARGUMENT"]);
    }
    expect(calls()).toHaveLength(1);
  });

  it.each([
    "/people?named=1",
    "/people?hidden=",
    "/people?order=random",
    "/people?pageSize=-1",
    "/people?q=%00",
    `/people?q=${"x".repeat(101)}`,
    "/people?ownerId=x",
    "/people?named=true&named=false",
    "/merges?pageSize=x",
    "/faces?personId=x",
    `${person_}/photos?order=added`,
  ])("refuses GET %s", async (path) => {
    expect(await problemOf(await test.call(path))).toEqual([400, "INVALID_ARGUMENT"]);
    expect(calls()).toEqual([]);
  });

  it.each([
    ["GET", "/people/1", "PERSON_NOT_FOUND"],
    ["GET", "/people/..%2fsettings", "PERSON_NOT_FOUND"],
    ["GET", "/people/x/photos", "PERSON_NOT_FOUND"],
    ["GET", "/people/x/faces", "PERSON_NOT_FOUND"],
    ["GET", "/people/x/cover", "PERSON_NOT_FOUND"],
    ["GET", "/people/x/export", "PERSON_NOT_FOUND"],
    ["DELETE", "/people/settings", "PERSON_NOT_FOUND"],
    ["GET", "/faces/x", "FACE_NOT_FOUND"],
    ["GET", "/faces/x/crop", "FACE_NOT_FOUND"],
    ["DELETE", `${face_}/reject/x`, "FACE_NOT_FOUND"],
    ["POST", "/merges/x/undo", "MERGE_NOT_FOUND"],
  ])("%s %s is unknown", async (method, path, reason) => {
    expect(await problemOf(await test.call(path, { method }))).toEqual([404, reason]);
    expect(calls()).toEqual([]);
  });

  it("passes on what the service says", async () => {
    failWith(test.upstreams.world.access, "undoMerge", Status.FAILED_PRECONDITION, "ALREADY_UNDONE");
    const undone = await problemOf(await json("POST", `/merges/${someId}/undo`));
    expect(undone).toEqual([409, "ALREADY_UNDONE"]);
  });
});

describe("access", () => {
  const routes = [
    ["GET", "/people"],
    ["POST", "/people"],
    ["GET", person_],
    ["PATCH", person_],
    ["DELETE", person_],
    ["GET", `${person_}/faces`],
    ["GET", `${person_}/photos`],
    ["GET", `${person_}/cover`],
    ["GET", `${person_}/export`],
    ["POST", `${person_}/merge`],
    ["GET", "/merges"],
    ["POST", `/merges/${someId}/undo`],
    ["GET", "/people/suggestions"],
    ["POST", "/people/suggestions"],
    ["POST", "/people/regroup"],
    ["GET", "/people/regroup"],
    ["GET", "/people/settings"],
    ["GET", "/faces"],
    ["POST", "/faces/assign"],
    ["POST", "/faces/search"],
    ["GET", face_],
    ["PATCH", face_],
    ["GET", `${face_}/crop`],
    ["POST", `${face_}/reject`],
    ["DELETE", `${face_}/reject/${other}`],
  ] as const;

  it.each(routes)("%s %s takes the scope people", async (method, path) => {
    const scope = "photos:read photos:write analyze search profile";
    const authorization = `Bearer ${await test.signer.sign({ scope, apiKeyId: someId })}`;
    const response = await test.call(path, { method, headers: { authorization } });
    expect(await problemOf(response)).toEqual([403, "SCOPE_REQUIRED"]);
    expect((await fetch(`${test.url}/api/v1${path}`, { method })).status).toBe(401);
    expect(calls()).toEqual([]);
  });

  it("to the settings takes a login to change them, and photos their own scope", async () => {
    const authorization = `Bearer ${await test.signer.sign({ scope: "people", apiKeyId: someId })}`;
    const change = await json("PATCH", "/people/settings", { enabled: true }, { authorization });
    expect(await problemOf(change)).toEqual([403, "SESSION_REQUIRED"]);
    const photos = await test.call(`${person_}/photos`, { headers: { authorization } });
    expect(await problemOf(photos)).toEqual([403, "SCOPE_REQUIRED"]);
    expect((await test.call("/people/settings", { headers: { authorization } })).status).toBe(200);
  });
});
