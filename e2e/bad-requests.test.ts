import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { copy, jpeg } from "./harness/bad-files.ts";
import { Client } from "./harness/client.ts";
import { serverFaults } from "./harness/inspection.ts";
import { dataDirectory, type OcelliProcess, removeFolders, startOcelli } from "./harness/ocelli-process.ts";
import { parseProblem, readProblem } from "./harness/problems.ts";
import { sendRaw } from "./harness/raw-http.ts";

let ocelli: OcelliProcess;
let maria: Client;
let stranger: Client;
const photoIds: string[] = [];

beforeAll(async () => {
  ocelli = await startOcelli(["up"], { OCELLI_DATA: dataDirectory(), OCELLI_EVENTS: "in-process" });
  maria = await Client.signedUp(ocelli.address, "maria@example.org");
  stranger = await Client.signedUp(ocelli.address, "stranger@example.org");
  for (const seed of [1, 2, 3])
    photoIds.push(await maria.upload(copy(await jpeg(seed)), `two red and blue ${seed}.jpg`));
  for (const id of photoIds) await maria.analysed(id);
});
afterAll(async () => {
  await ocelli.end("SIGTERM");
  removeFolders();
});

describe("a photo that the caller does not have", () => {
  const suffixes = ["", "/caption", "/faces", "/scene", "/objects", "/text", "/colors"];
  const files = ["/original", "/preview", "/thumbnail", "/events"];

  test.each([...suffixes, ...files])("answers alike on /photos/{id}%s", async (suffix) => {
    const unknown = "01890000-0000-7000-8000-000000000000";
    const garbage = ["nonsense", "0", "%00", "..%2f..%2fetc%2fpasswd", "'%20or%201=1--", "a".repeat(5000)];
    for (const id of [photoIds[0], unknown, unknown.replace("8", "A"), ...garbage]) {
      const problem = await readProblem(await stranger.request(`/photos/${id}${suffix}`));
      expect(problem, `${id}`.slice(0, 60)).toEqual({
        type: "about:blank",
        title: "Not Found",
        status: 404,
        detail: "There is no such photo.",
        reason: "PHOTO_NOT_FOUND",
        errors: [],
      });
    }
    const own = await maria.request(`/photos/${photoIds[0]?.toUpperCase()}${suffix}`);
    expect(own.status, "ids are the same in upper case").toBe(200);
    await own.body?.cancel();
  });
});

describe("lists", () => {
  const page = async (path: string) =>
    (await (await maria.request(path)).json()) as { items: unknown[]; nextPageToken: string };

  test.each(["/photos?", "/search?q=red&"])("%s: bad pages are refused, large ones clamped", async (list) => {
    for (const size of ["-1", "1.5", "abc", "", "1e3", "99999999999999999999"]) {
      const problem = await readProblem(await maria.request(`${list}pageSize=${size}`));
      expect(problem, size).toMatchObject({ status: 400, reason: "INVALID_ARGUMENT" });
      expect(problem.errors.map(({ field }) => field)).toEqual(["pageSize"]);
    }
    expect((await maria.request(`${list}pageSize=10000`)).status).toBe(200);
    expect((await maria.request(`${list}pageSize=0`)).status).toBe(200);
    for (const token of ["garbage", "e30", "%00", "bnVsbA", "a".repeat(2000)]) {
      const problem = await readProblem(await maria.request(`${list}pageToken=${token}`));
      expect(problem, token.slice(0, 20)).toMatchObject({ status: 400, reason: "INVALID_PAGE_TOKEN" });
    }
    const long = await readProblem(await maria.request(`${list}pageToken=${"a".repeat(3000)}`));
    expect(long).toMatchObject({ status: 400, reason: "INVALID_ARGUMENT" });
    for (const query of ["nope=1", "pageSize=1&pageSize=2", "owner_id=x"]) {
      const problem = await readProblem(await maria.request(`${list}${query}`));
      expect(problem, query).toMatchObject({ status: 400, reason: "INVALID_ARGUMENT" });
    }
  });

  test("a token belongs to its list and shows nobody else's photos", async () => {
    const photos = await page("/photos?pageSize=1");
    const found = await page("/search?q=red&mode=text&minScore=0&pageSize=1");
    expect(photos.nextPageToken).not.toBe("");
    expect(found.nextPageToken).not.toBe("");
    for (const path of [
      `/photos?pageToken=${found.nextPageToken}`,
      `/search?q=red&mode=text&minScore=0&pageToken=${photos.nextPageToken}`,
      `/search?q=blue&mode=text&minScore=0&pageToken=${found.nextPageToken}`,
    ]) {
      const problem = await readProblem(await maria.request(path));
      expect(problem, path).toMatchObject({ status: 400, reason: "INVALID_PAGE_TOKEN" });
    }
    const others = await stranger.request(`/photos?pageToken=${photos.nextPageToken}`);
    expect(await others.json()).toEqual({ items: [], nextPageToken: "" });
  });

  test("searches for anything, words or not", async () => {
    const queries = [
      "'; drop table search.documents; --",
      '& | ! ( ) : * <-> \\ "',
      "\0",
      "a\0b",
      "\ud800",
      "%",
    ];
    for (const query of queries) {
      const response = await maria.request(`/search?q=${encodeURIComponent(query.toWellFormed())}`);
      expect([200, 400], JSON.stringify(query)).toContain(response.status);
    }
    expect((await maria.request("/search?q=%ff%fe")).status).toBe(200);
    for (const query of ["", "q=", "q=%20", `q=${"a".repeat(501)}`, "q=a&mode=psychic", "q=a&minScore=2"]) {
      const problem = await readProblem(await maria.request(`/search?${query}`));
      expect(problem, query).toMatchObject({
        status: 400,
        reason: expect.stringMatching(/^INVALID_(ARGUMENT|QUERY)$/),
      });
    }
  });
});

describe("JSON bodies", () => {
  const json = { "content-type": "application/json" };
  const deep = "[".repeat(30_000);
  const cases: Array<
    [name: string, status: number, reason: string, headers: Record<string, string>, string]
  > = [
    ["malformed", 400, "MALFORMED_JSON", json, '{"email":'],
    ["empty", 400, "MALFORMED_JSON", json, ""],
    ["deeply nested", 400, "MALFORMED_JSON", json, deep],
    ["compressed, it says", 400, "MALFORMED_JSON", { ...json, "content-encoding": "gzip" }, "\x1f\x8b"],
    ["an array", 400, "INVALID_ARGUMENT", json, "[]"],
    ["null", 400, "INVALID_ARGUMENT", json, "null"],
    ["wrong types", 400, "INVALID_ARGUMENT", json, '{"email":1,"password":[]}'],
    ["an unknown field", 400, "INVALID_ARGUMENT", json, '{"email":"a@b.co","password":"x","role":"admin"}'],
    [
      "a prototype",
      400,
      "INVALID_ARGUMENT",
      json,
      '{"__proto__":{"role":"admin"},"email":"a","password":"x"}',
    ],
    [
      "a giant",
      413,
      "BODY_TOO_LARGE",
      json,
      JSON.stringify({ email: "a".repeat(10_000_000), password: "x" }),
    ],
    ["text/plain", 415, "EXPECTED_JSON", { "content-type": "text/plain" }, "{}"],
    ["a form", 415, "EXPECTED_JSON", { "content-type": "application/x-www-form-urlencoded" }, "a=b"],
    ["almost JSON", 415, "EXPECTED_JSON", { "content-type": "application/jsonp" }, "{}"],
  ];
  test.each(cases)("%s: %i %s", async (_name, status, reason, headers, body) => {
    for (const path of ["/auth/login", "/auth/signup", "/auth/refresh"]) {
      const response = await new Client(ocelli.address).request(path, { method: "POST", headers, body });
      expect(await readProblem(response), path).toMatchObject({ status, reason });
    }
  });

  test("strings that databases dislike", async () => {
    const anonymous = new Client(ocelli.address);
    const password = "correct horse battery staple";
    for (const email of ["a\0b@example.org", "\ud800@example.org", "a@b", "a".repeat(300), "' or 1=1--"]) {
      const signup = await readProblem(await anonymous.post("/auth/signup", { email, password, name: "x" }));
      expect(signup.status, JSON.stringify(email)).toBe(400);
      // What no store can hold is refused at the door, everything else looked up and not found.
      const known = email.isWellFormed() && !email.includes("\0");
      const refusal = known
        ? { status: 401, reason: "INVALID_CREDENTIALS" }
        : { status: 400, reason: "INVALID_ARGUMENT" };
      const login = await readProblem(await anonymous.post("/auth/login", { email, password }));
      expect(login, JSON.stringify(email)).toMatchObject(refusal);
    }
    for (const body of [
      { email: "a@example.org", password: "\0" },
      { email: "a@example.org", password: "\udc00" },
    ]) {
      const login = await readProblem(await anonymous.post("/auth/login", body));
      expect(login).toMatchObject({ status: 400, reason: "INVALID_ARGUMENT" });
    }
    const refresh = await readProblem(await anonymous.post("/auth/refresh", { refreshToken: "\0" }));
    expect(refresh.status).toBe(400);
  });
});

describe("addresses and methods", () => {
  test.each(["PUT", "PATCH", "DELETE", "OPTIONS"])(
    "%s where it is not taken: 405 with Allow",
    async (method) => {
      const response = await maria.request("/photos", { method });
      expect(response.headers.get("allow")).toBe("GET, POST");
      expect(await readProblem(response)).toMatchObject({ status: 405, reason: "METHOD_NOT_ALLOWED" });
    },
  );

  test.each(["/nope", "/photos/", "//photos", "/%2e%2e/%2e%2e/etc/passwd", "/%ff", "/photos/x/y/z", "/.env"])(
    "%s: 404",
    async (path) => {
      const { status } = await readProblem(await maria.request(path));
      expect(status).toBe(404);
    },
  );
});

describe("HTTP that no library sends", () => {
  const get = (headers: string, target = "/health") => `GET ${target} HTTP/1.1\r\n${headers}\r\n\r\n`;
  const login = (headers: string, body = "") =>
    `POST /api/v1/auth/login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${headers}\r\n\r\n${body}`;
  const refused: Array<[name: string, status: number, reason: string, bytes: string]> = [
    ["not HTTP at all", 400, "MALFORMED_HTTP", "\x16\x03\x01\x02\0\x01\0\x01\xfc\r\n\r\n"],
    ["an unknown method", 400, "MALFORMED_HTTP", "HACK / HTTP/1.1\r\nhost: localhost\r\n\r\n"],
    ["HTTP/9", 400, "MALFORMED_HTTP", "GET /health HTTP/9.9\r\nhost: localhost\r\n\r\n"],
    ["headers of 20 KB", 431, "MALFORMED_HTTP", get(`host: localhost\r\nx-big: ${"a".repeat(20_000)}`)],
    ["1,500 headers", 431, "MALFORMED_HTTP", get(`host: localhost${"\r\nx-a: bbbbbbb".repeat(1500)}`)],
    ["a NUL in a header", 400, "MALFORMED_HTTP", get("host: localhost\r\nx-a: a\0b")],
    ["a space in a header's name", 400, "MALFORMED_HTTP", get("host: localhost\r\nx a: b")],
    ["a strange host", 400, "MALFORMED_HTTP", get("host: a b[]<script>")],
    ["an unknown expectation", 417, "MALFORMED_HTTP", get("host: localhost\r\nexpect: miracles")],
    ["a negative length", 400, "MALFORMED_HTTP", login("content-length: -1")],
    ["two lengths", 400, "MALFORMED_HTTP", login("content-length: 1\r\ncontent-length: 2", "{}")],
    [
      "length and chunks",
      400,
      "MALFORMED_HTTP",
      login("content-length: 2\r\ntransfer-encoding: chunked", "0\r\n\r\n"),
    ],
    ["broken chunks", 400, "MALFORMED_HTTP", login("transfer-encoding: chunked", "zz\r\n{}\r\n")],
    ["a strange encoding", 400, "MALFORMED_HTTP", login("transfer-encoding: gzip", "{}")],
  ];
  test.each(refused)("%s: %i", async (_name, status, reason, bytes) => {
    const answer = await sendRaw(ocelli.address, bytes);
    expect(answer.status, answer.head + answer.body).toBe(status);
    expect(answer.head).toMatch(/^content-type: application\/problem\+json/im);
    expect(parseProblem(status, answer.body).reason).toBe(reason);
  });

  const harmless: Array<[name: string, bytes: string]> = [
    ["no host", get("accept: */*")],
    ["two hosts", get("host: a\r\nhost: b")],
    ["an absolute target", get("host: localhost", "http://evil.example/health")],
    ["a target that is no path", get("host: localhost", "//evil.example//health")],
    ["a target with odd characters", get("host: localhost", "/health?%00%ff<>[]|\xff")],
    ["an upgrade", get("host: localhost\r\nconnection: upgrade\r\nupgrade: websocket")],
    ["HTTP/1.0", "GET /health HTTP/1.0\r\n\r\n"],
    ["odd trace headers", get("host: localhost\r\ntraceparent: 00-zz-zz-01\r\ntracestate: \xff\xfe")],
    ["odd conditions", get('host: localhost\r\nif-none-match: "\r\nrange: bytes=-1-2,x')],
    ["methods overridden", get("host: localhost\r\nx-http-method-override: DELETE")],
  ];
  test.each(harmless)("%s: no fault of the server", async (_name, bytes) => {
    const { status, head } = await sendRaw(ocelli.address, bytes);
    expect(status, head).toBeGreaterThanOrEqual(200);
    expect(status, head).toBeLessThan(500);
  });

  test("a request id is only kept when it is a plain word", async () => {
    for (const [sent, kept] of [
      ["order-66.a_b", true],
      ["order:66:ab", false],
      ["short", false],
      ["a".repeat(200), false],
      ["<script>", false],
      ["a b", false],
    ] as const) {
      const response = await fetch(`${ocelli.address}/health`, { headers: { "x-request-id": sent } });
      expect(response.headers.get("x-request-id") === sent, sent.slice(0, 20)).toBe(kept);
    }
  });
});

test("after all that, no answer was a fault of the server", async () => {
  expect((await fetch(`${ocelli.address}/ready`)).status).toBe(200);
  expect(await serverFaults(ocelli)).toEqual({ answers: 0, logged: [] });
});
