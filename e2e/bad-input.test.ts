import { stages as stageTree } from "@ocelli/contracts";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { acceptedFiles, heicBeginning, jpeg, refusedFiles } from "./harness/bad-files.ts";
import { Client, readLines } from "./harness/client.ts";
import { serverFaults, storedFiles } from "./harness/inspection.ts";
import { dataDirectory, type OcelliProcess, removeFolders, startOcelli } from "./harness/ocelli-process.ts";
import { parseProblem, readProblem } from "./harness/problems.ts";
import { filePart, keepSending } from "./harness/raw-http.ts";

const maxUploadBytes = 1_000_000;
const routes = ["/photos", "/classify", "/detect/image"];
const multipart = { "content-type": "multipart/form-data; boundary=x" };

let ocelli: OcelliProcess;
let client: Client;
const data = dataDirectory();

beforeAll(async () => {
  ocelli = await startOcelli(["up"], {
    OCELLI_DATA: data,
    OCELLI_EVENTS: "in-process",
    MAX_UPLOAD_BYTES: String(maxUploadBytes),
  });
  client = await Client.signedUp(ocelli.address, "maria@example.org");
});
afterAll(async () => {
  await ocelli.end("SIGTERM");
  removeFolders();
});

async function photoCount(): Promise<number> {
  const response = await client.request("/photos");
  expect(response.status).toBe(200);
  return ((await response.json()) as { items: unknown[] }).items.length;
}

describe.each(routes)("POST %s refuses with a reason and stores nothing:", (route) => {
  afterEach(async () => {
    expect(await photoCount()).toBe(0);
    // A cancelled upload is cleared away a moment after its answer.
    await expect.poll(() => storedFiles(data)).toEqual([]);
    expect((await fetch(`${ocelli.address}/health`)).status).toBe(200);
  });

  test.each(refusedFiles(maxUploadBytes))("%s: %i %s", async (_name, status, reason, bytes) => {
    const problem = await readProblem(await client.sendFile(route, bytes, "holiday.jpg"));
    expect(problem).toMatchObject({ status, reason });
  });

  test("the beginning of a HEIC file", async () => {
    const problem = await readProblem(await client.sendFile(route, heicBeginning(), "holiday.heic"));
    // Only the library decodes HEIC.
    const expected = route === "/detect/image" ? [415, "UNSUPPORTED_MEDIA_TYPE"] : [422, "CORRUPT_IMAGE"];
    expect([problem.status, problem.reason]).toEqual(expected);
  });

  const bodies: Array<[name: string, status: number, reason: string, RequestInit]> = [
    ["empty body", 400, "EMPTY_BODY", { headers: multipart, body: "" }],
    ["no body at all", 415, "EXPECTED_MULTIPART", {}],
    ["JSON", 415, "EXPECTED_MULTIPART", { headers: { "content-type": "application/json" }, body: "{}" }],
    ["a picture without a form", 415, "EXPECTED_MULTIPART", { headers: { "content-type": "image/jpeg" } }],
    ["missing part", 400, "MISSING_FILE", { body: formOf({ picture: new Blob(["x"]) }) }],
    ["a field instead of a file", 400, "MISSING_FILE", { body: formOf({ file: "x" }) }],
    ["no boundary", 400, "MALFORMED_MULTIPART", { headers: { "content-type": "multipart/form-data; a=b" } }],
    ["no multipart inside", 400, "MALFORMED_MULTIPART", { headers: multipart, body: "garbage" }],
    [
      "a form cut in its file",
      400,
      "MALFORMED_MULTIPART",
      { headers: multipart, body: `--x\r\n${filePart}\r\n\r\nhalf` },
    ],
    [
      "a form cut in its part headers",
      400,
      "MALFORMED_MULTIPART",
      { headers: multipart, body: `--x\r\n${filePart}` },
    ],
    ["100 parts", 400, "MALFORMED_MULTIPART", { body: manyParts(100) }],
  ];
  test.each(bodies)("%s: %i %s", async (_name, status, reason, init) => {
    const response = await client.request(route, { method: "POST", body: "x", ...init });
    expect(await readProblem(response)).toMatchObject({ status, reason });
  });

  test("nobody, before the file is read: 401 UNAUTHENTICATED", async () => {
    const response = await new Client(ocelli.address).sendFile(route, new Uint8Array(500_000), "a.jpg");
    expect(await readProblem(response)).toMatchObject({ status: 401, reason: "UNAUTHENTICATED" });
  });

  test.each([
    ["declared", true],
    ["unknown", false],
  ])("a client that keeps sending, length %s, sees 413 and is cut off", async (_name, declareLength) => {
    const url = `${ocelli.address}/api/v1${route}`;
    const totalBytes = 200_000_000;
    const { status, head, body, sentBytes } = await keepSending({
      url,
      token: client.token,
      totalBytes,
      declareLength,
    });
    expect(status, head).toBe(413);
    expect(head).toMatch(/^content-type: application\/problem\+json/im);
    expect(parseProblem(status, body).reason).toBe("FILE_TOO_LARGE");
    expect(sentBytes).toBeLessThan(totalBytes / 2);
  });

  test("a client that leaves half-way", async () => {
    const abort = new AbortController();
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(Buffer.from(`--x\r\n${filePart}\r\n\r\nhalf`)),
      pull: () => abort.abort(),
    });
    const init = { method: "POST", headers: multipart, body, duplex: "half" as const, signal: abort.signal };
    await expect(client.request(route, init)).rejects.toThrow();
  });
});

describe("odd pictures are taken:", async () => {
  test.each(await acceptedFiles())("%s", async (name, mediaType, bytes) => {
    const size = { width: 64, height: 48 };
    const detected = await client.sendFile("/detect/image", bytes, name);
    expect(detected.status).toBe(200);
    expect(await detected.json()).toMatchObject(size);
    const photo = await client.analysed(await client.upload(bytes, name));
    expect(photo).toMatchObject({ mediaType, ...size });
    const ends = Object.values(photo.stages).map((stage) => stage.status);
    expect(ends).toEqual(stageTree.map(() => "SUCCEEDED"));
    const types: string[] = [];
    for await (const line of readLines(await client.sendFile("/classify", bytes, name)))
      types.push(line.type);
    expect(types.at(-1)).toBe("done");
    expect(types).not.toContain("error");
  });
});

describe("file names are only words:", () => {
  const names: Array<[name: string, sent: string, kept: string]> = [
    ["SQL", "'; DROP TABLE library.photos; --.jpg", "'; DROP TABLE library.photos; --.jpg"],
    ["HTML", "<img src=x onerror=alert(1)>.jpg", "<img src=x onerror=alert(1)>.jpg"],
    ["path traversal", "../../../../etc/passwd", "passwd"],
    ["path traversal on Windows", "..\\..\\windows\\system32\\evil.jpg", "evil.jpg"],
    ["only dots", "..", "photo"],
    ["nothing", "", "photo"],
    ["NUL", "a\0b.jpg", "ab.jpg"],
    ["control characters", "a\u0007\u001b[31mb.jpg", "a[31mb.jpg"],
    ["a direction override", "photo\u202egpj.exe", "photogpj.exe"],
    ["other scripts", "фото 写真 📷.jpg", "фото 写真 📷.jpg"],
    ["5,000 characters", `${"x".repeat(5000)}.jpg`, "x".repeat(255)],
  ];
  test.each(names)("%s", async (name, sent, kept) => {
    const seed = 1000 + names.findIndex(([each]) => each === name);
    const head = `--x\r\ncontent-disposition: form-data; name="file"; filename="${sent.replaceAll("\\", "\\\\")}"\r\n\r\n`;
    const body = Buffer.concat([Buffer.from(head), await jpeg(seed), Buffer.from("\r\n--x--\r\n")]);
    const response = await client.request("/photos", { method: "POST", headers: multipart, body });
    expect(response.status).toBe(201);
    const { id, filename } = (await response.json()) as { id: string; filename: string };
    expect(filename).toBe(kept);
    const original = await client.request(`/photos/${id}/original`);
    // A name to save it under, which ends in what the bytes are and is nothing but a name.
    expect(original.headers.get("content-disposition")).toMatch(
      /^inline; filename="[^"\\%;]+\.jpg"(; filename\*=UTF-8''[\w.~%-]+\.jpg)?$/,
    );
    expect(original.headers.get("x-content-type-options")).toBe("nosniff");
  });

  test("bytes are stored under their hash alone", () => {
    const name = /^blobs\/[0-9a-f]{2}\/[0-9a-f]{2}\/[0-9a-f]{64}(\.(preview|thumbnail)\.jpg)?$/;
    expect(storedFiles(data).filter((file) => !name.test(file))).toEqual([]);
  });
});

test("after all that, no answer was a fault of the server", async () => {
  expect(await serverFaults(ocelli)).toEqual({ answers: 0, logged: [] });
});

function formOf(parts: Record<string, string | Blob>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(parts)) form.append(name, value);
  return form;
}

function manyParts(count: number): FormData {
  return formOf(Object.fromEntries(Array.from({ length: count }, (_, index) => [`field${index}`, "x"])));
}
