import { AppError } from "@ocelli/chassis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LibraryUnderTest, nativeDatabase, startLibrary } from "./library-under-test.ts";
import { jpeg } from "./photos-for-tests.ts";

let library: LibraryUnderTest;
let seed = 0;

beforeAll(async () => {
  library = await startLibrary({ quotaPhotos: 7, ingestQueue: 200 }, nativeDatabase);
});
afterAll(() => library?.stop());

/** `stored`, `duplicate`, or why not. */
async function outcome(upload: Promise<{ duplicate: boolean }>): Promise<string> {
  return upload.then(
    ({ duplicate }) => (duplicate ? "duplicate" : "stored"),
    (error: unknown) => {
      const { reason, retryAfterMs } = AppError.from(error);
      return `${reason} ${retryAfterMs}`;
    },
  );
}

async function reasonOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "accepted",
    (error: unknown) => AppError.from(error).reason,
  );
}

function newJpegs(count: number): Promise<Buffer[]> {
  return Promise.all(Array.from({ length: count }, () => jpeg(10_000 + seed++)));
}

async function usageOf(owner: string) {
  return (await library.client.getUsage({}, { bearer: await library.userToken(owner) })).usage;
}

async function setQuota(userId: string, quota: { bytes?: number; photos?: number }) {
  return (await library.client.setQuota({ userId, quota }, { bearer: await library.adminToken() })).usage;
}

describe("a quota", () => {
  test("lets in exactly as many photos as fit, of 50 that arrive together", async () => {
    const owner = crypto.randomUUID();
    const before = (await library.files()).length;
    const files = await newJpegs(50);
    const outcomes = await Promise.all(files.map((bytes) => outcome(library.upload(owner, bytes))));
    expect(outcomes.filter((each) => each === "stored")).toHaveLength(7);
    expect(outcomes.filter((each) => each === "QUOTA_EXCEEDED undefined")).toHaveLength(43);
    const bytes = files.reduce(
      (sum, file, index) => sum + (outcomes[index] === "stored" ? file.length : 0),
      0,
    );
    expect(await usageOf(owner)).toEqual({ photos: 7, bytes, maxPhotos: 7, maxBytes: 0 });
    expect(await library.files()).toHaveLength(before + 7 * 3);
    expect(await library.count("loose_blobs")).toBe(0);
    expect(await library.count("photos")).toBe(7);
    expect(await library.count("images")).toBe(7);
  });

  test("of bytes holds to the byte under 50 parallel uploads", async () => {
    const owner = crypto.randomUUID();
    const before = (await library.files()).length;
    const files = await newJpegs(50);
    const size = Math.max(...files.map((file) => file.length));
    await setQuota(owner, { bytes: 5 * size, photos: 0 });
    const outcomes = await Promise.all(files.map((bytes) => outcome(library.upload(owner, bytes))));
    const usage = await usageOf(owner);
    const stored = files.filter((_, index) => outcomes[index] === "stored");
    expect(usage?.photos).toBe(stored.length);
    expect(usage?.bytes).toBe(stored.reduce((sum, file) => sum + file.length, 0));
    expect(usage?.bytes).toBeLessThanOrEqual(5 * size);
    // Whatever was refused really did not fit any more.
    expect((usage?.bytes ?? 0) + size).toBeGreaterThan(5 * size - 50);
    expect(await library.files()).toHaveLength(before + 3 * stored.length);
  });

  test("costs nothing for what the owner has already, also when it is used up", async () => {
    const owner = crypto.randomUUID();
    const [first = Buffer.of(), second = Buffer.of()] = await newJpegs(2);
    await setQuota(owner, { bytes: first.length, photos: 1 });
    expect(await outcome(library.upload(owner, first))).toBe("stored");
    expect(await outcome(library.upload(owner, first))).toBe("duplicate");
    expect(await outcome(library.upload(owner, second))).toBe("QUOTA_EXCEEDED undefined");
    const together = await Promise.all(
      [first, first, first].map((each) => outcome(library.upload(owner, each))),
    );
    expect(together).toEqual(["duplicate", "duplicate", "duplicate"]);
    expect(await usageOf(owner)).toMatchObject({ photos: 1, bytes: first.length });
  });

  test("counts bytes that another owner has too", async () => {
    const [one, other] = [crypto.randomUUID(), crypto.randomUUID()];
    const [bytes = Buffer.of()] = await newJpegs(1);
    await setQuota(other, { bytes: bytes.length - 1 });
    expect(await outcome(library.upload(one, bytes))).toBe("stored");
    expect(await outcome(library.upload(other, bytes))).toBe("QUOTA_EXCEEDED undefined");
    await setQuota(other, { bytes: bytes.length });
    expect(await outcome(library.upload(other, bytes))).toBe("stored");
    expect(await usageOf(other)).toMatchObject({ photos: 1, bytes: bytes.length });
  });

  test("ends a body that cannot fit while it arrives, before it is decoded", async () => {
    const owner = crypto.randomUUID();
    await setQuota(owner, { bytes: 100_000 });
    const noise = Buffer.alloc(3_000_000, "not a photo");
    const before = (await library.files()).length;
    expect(await outcome(library.upload(owner, noise))).toBe("QUOTA_EXCEEDED undefined");
    // What arrives whole is refused before its format is looked at, too.
    await setQuota(owner, { bytes: 1_000 });
    expect(await outcome(library.upload(owner, noise.subarray(0, 1_001)))).toBe("QUOTA_EXCEEDED undefined");
    expect(await library.files()).toHaveLength(before);
  });
});

describe("usage and quotas as administrators see them", () => {
  test("a quota of one user replaces the default and can be taken back part by part", async () => {
    const user = crypto.randomUUID();
    const none = { photos: 0, bytes: 0 };
    expect(await usageOf(user)).toEqual({ ...none, maxPhotos: 7, maxBytes: 0 });
    expect(await setQuota(user, { bytes: 5, photos: 0 })).toEqual({ ...none, maxPhotos: 0, maxBytes: 5 });
    expect(await setQuota(user, { bytes: 0 })).toEqual({ ...none, maxPhotos: 7, maxBytes: 0 });
    expect(await setQuota(user, { bytes: Number.MAX_SAFE_INTEGER })).toMatchObject({
      maxBytes: Number.MAX_SAFE_INTEGER,
    });
    const bearer = await library.adminToken();
    const { usage } = await library.client.getUserUsage({ userId: user }, { bearer });
    expect(usage).toMatchObject({ maxBytes: Number.MAX_SAFE_INTEGER });
    expect(await setQuota(user, {})).toEqual({ ...none, maxPhotos: 7, maxBytes: 0 });
  });

  test("a quota below what is stored takes nothing away and lets nothing in", async () => {
    const owner = crypto.randomUUID();
    const [first = Buffer.of(), second = Buffer.of()] = await newJpegs(2);
    await library.upload(owner, first);
    await setQuota(owner, { bytes: 1 });
    expect(await outcome(library.upload(owner, second))).toBe("QUOTA_EXCEEDED undefined");
    expect(await outcome(library.upload(owner, first))).toBe("duplicate");
    expect(await usageOf(owner)).toMatchObject({ photos: 1, bytes: first.length, maxBytes: 1 });
  });

  const user = "01999999-0000-7000-8000-00000000000a";
  test.each([
    [{ userId: "" }, "INVALID_USER_ID"],
    [{ userId: user.toUpperCase() }, "INVALID_USER_ID"],
    [{ userId: `${user}\0` }, "INVALID_USER_ID"],
    [{ userId: `${user}' or 1=1` }, "INVALID_USER_ID"],
  ])("the user id of %j is %s", async (request, reason) => {
    const bearer = await library.adminToken();
    expect(await reasonOf(library.client.getUserUsage(request, { bearer }))).toBe(reason);
    expect(await reasonOf(library.client.setQuota({ ...request, quota: {} }, { bearer }))).toBe(reason);
  });

  test.each([
    [undefined],
    [{ bytes: -1 }],
    [{ photos: -1, bytes: 1 }],
    [{ photos: Number.MIN_SAFE_INTEGER }],
  ])("the quota %j is INVALID_QUOTA", async (quota) => {
    const bearer = await library.adminToken();
    expect(await reasonOf(library.client.setQuota({ userId: user, quota }, { bearer }))).toBe(
      "INVALID_QUOTA",
    );
  });

  test("are not for users, not even their own quota", async () => {
    const bearer = await library.userToken(user);
    expect(await reasonOf(library.client.getUserUsage({ userId: user }, { bearer }))).toBe("SCOPE_REQUIRED");
    const request = { userId: user, quota: { bytes: 0 } };
    expect(await reasonOf(library.client.setQuota(request, { bearer }))).toBe("SCOPE_REQUIRED");
    expect(await reasonOf(library.client.setQuota(request))).toBe("UNAUTHENTICATED");
    expect(await reasonOf(library.client.getUsage({}))).toBe("UNAUTHENTICATED");
  });
});
