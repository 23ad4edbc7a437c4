import { utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@ocelli/chassis";
import { stages as stageTree } from "@ocelli/contracts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LibraryUnderTest, startLibrary } from "./library-under-test.ts";
import { jpeg, photo } from "./photos-for-tests.ts";

let library: LibraryUnderTest;

beforeAll(async () => {
  library = await startLibrary({ interactiveBacklog: 5, ingestQueue: 2, decodeConcurrency: 1 });
});
afterAll(() => library?.stop());

describe("the same bytes", () => {
  const owner = crypto.randomUUID();

  test("in parallel become one photo, decoded once", async () => {
    const bytes = await photo("coffee.png");
    const answers = await Promise.all(Array.from({ length: 20 }, () => library.upload(owner, bytes)));
    expect(new Set(answers.map((answer) => answer.photo?.id)).size).toBe(1);
    expect(answers.filter((answer) => !answer.duplicate)).toHaveLength(1);
    expect(await library.count("photos")).toBe(1);
    expect(await library.count("photo_stages")).toBe(stageTree.length);
    expect(await library.count("outbox")).toBe(1);
    expect(await library.files()).toHaveLength(3);
  });

  test("again later give the earlier photo in its present state", async () => {
    const { photo: first } = await library.upload(owner, await photo("coffee.png"), {
      filename: "other.png",
    });
    await library.fetchForAnalysis(owner, first?.id ?? "", ["ocr"]);
    const { photo: again, duplicate } = await library.upload(owner, await photo("coffee.png"));
    expect(duplicate).toBe(true);
    expect(again).toMatchObject({ id: first?.id, filename: "photo.jpg" });
    expect(again?.stages.find(({ stage }) => stage === "ocr")?.status).toBe("STAGE_STATUS_RUNNING");
  });

  test("of another owner are a photo of their own on the same files", async () => {
    const other = crypto.randomUUID();
    const { photo: theirs, duplicate } = await library.upload(other, await photo("coffee.png"), {
      filename: "mine.png",
    });
    expect(duplicate).toBe(false);
    expect(theirs).toMatchObject({ ownerId: other, filename: "mine.png", width: 600, height: 400 });
    expect(await library.count("photos")).toBe(2);
    expect(await library.count("images")).toBe(1);
    expect(await library.files()).toHaveLength(3);
  });
});

describe("more than fits", () => {
  test("live uploads are refused while the analysis backlog is full, duplicates and others are not", async () => {
    const owner = crypto.randomUUID();
    const files = await Promise.all(Array.from({ length: 12 }, (_, seed) => jpeg(900 + seed)));
    const reasons: string[] = [];
    for (const bytes of files.slice(0, 6)) {
      reasons.push(await outcome(library.upload(owner, bytes, { interactive: true })));
    }
    // Two photos of the tests above are unfinished too.
    expect(reasons).toEqual(["stored", "stored", "stored", ...Array(3).fill("ANALYSIS_BACKLOG_FULL 2000")]);
    const [first = Buffer.alloc(0)] = files;
    expect(await outcome(library.upload(owner, first, { interactive: true }))).toBe("duplicate");
    expect(await outcome(library.upload(owner, files[8] ?? first))).toBe("stored");
  });

  test("a rush beyond the queue is refused at once and leaves nothing", async () => {
    const owner = crypto.randomUUID();
    const before = (await library.files()).length;
    const files = await Promise.all(Array.from({ length: 30 }, (_, seed) => jpeg(2000 + seed)));
    const outcomes = await Promise.all(files.map((bytes) => outcome(library.upload(owner, bytes))));
    const stored = outcomes.filter((each) => each === "stored").length;
    expect(stored).toBeGreaterThanOrEqual(3);
    expect(outcomes.filter((each) => each === "INGEST_QUEUE_FULL 1000")).toHaveLength(30 - stored);
    expect(await library.files()).toHaveLength(before + 3 * stored);
  });
});

describe("a restart", () => {
  test("keeps the photos and removes what a crash left half-way", async () => {
    const owner = crypto.randomUUID();
    const { photo: stored } = await library.upload(owner, await jpeg(4000));
    const leftover = join(library.blobDir, "tmp", "left-by-a-crash");
    await writeFile(leftover, "half a photo");
    const twoHoursAgo = new Date(Date.now() - 2 * 3_600_000);
    await utimes(leftover, twoHoursAgo, twoHoursAgo);
    const before = await library.files();
    await library.restart();
    expect(await library.files()).toHaveLength(before.length - 1);
    const bearer = await library.userToken(owner);
    expect((await library.client.getPhoto({ photoId: stored?.id ?? "" }, { bearer })).photo).toEqual(stored);
  });
});

async function outcome(upload: Promise<{ duplicate: boolean }>): Promise<string> {
  return upload.then(
    ({ duplicate }) => (duplicate ? "duplicate" : "stored"),
    (error: unknown) => {
      const { reason, retryAfterMs } = AppError.from(error);
      return `${reason} ${retryAfterMs}`;
    },
  );
}
