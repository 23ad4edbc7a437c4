import { AppError } from "@ocelli/chassis";
import { type EventType, events, eventsV1, photoStageFailed, stages as stageTree } from "@ocelli/contracts";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type LibraryUnderTest, startLibrary } from "./library-under-test.ts";
import { jpeg } from "./photos-for-tests.ts";

let library: LibraryUnderTest;
const owner = crypto.randomUUID();
let photo: eventsV1.PhotoRef;
let seed = 0;

beforeAll(async () => {
  library = await startLibrary();
});
afterAll(() => library?.stop());
beforeEach(async () => {
  const { photo: stored } = await library.upload(owner, await jpeg(6000 + seed++));
  photo = { photoId: stored?.id ?? "", ownerId: owner, sha256: stored?.sha256 ?? "" };
});

/** Publishes as another service's relay would; resolves when the library has handled it. */
function publish<T>(
  type: EventType<T>,
  message: Parameters<typeof type.message.fromPartial>[0],
  id?: string,
) {
  const payload = type.message.encode(type.message.fromPartial(message)).finish();
  return library.bus.publish({ id: id ?? crypto.randomUUID(), subject: type.subject, payload });
}

function failed(service: string, stage: string, by = photo) {
  const message = { photo: by, stage, reason: "MODEL_BROKEN", message: "The model broke.", attempts: 5 };
  return publish(photoStageFailed(service), message);
}

async function stage(name: string) {
  const bearer = await library.userToken(owner);
  const { photo: found } = await library.client.getPhoto({ photoId: photo.photoId }, { bearer });
  const { status, attempts, error, model, ms } = found?.stages.find((each) => each.stage === name) ?? {};
  return [status?.replace("STAGE_STATUS_", ""), attempts, error, model, ms];
}

describe("stage states", () => {
  test("follow the events of every stage", async () => {
    const provenance = { model: "model-1", ms: 12.5 };
    const produced = [
      events.photoClassified,
      events.photoFacesScanned,
      events.photoGrouped,
      events.photoTextRead,
      events.photoEmbedded,
      events.photoCaptioned,
      events.photoIndexed,
    ];
    for (const type of produced) await publish<object>(type, { photo, provenance });
    for (const { name } of stageTree) {
      expect(await stage(name)).toEqual(["SUCCEEDED", 1, "", "model-1", 12.5]);
    }
  });

  test("say so where a service did not look, and nobody knows how many faces there are", async () => {
    const faceCount = async () => {
      const bearer = await library.userToken(owner);
      const { photo: found } = await library.client.getPhoto({ photoId: photo.photoId }, { bearer });
      return found?.faceCount;
    };
    await publish(events.photoFacesScanned, { photo, skipped: true });
    await publish(events.photoGrouped, { photo, skipped: true });
    for (const name of ["faces", "people"]) expect(await stage(name)).toEqual(["SKIPPED", 0, "", "", 0]);
    expect(await faceCount()).toBeUndefined();
    const told = await library.sql.query<{ stage: string; status: string }>(
      `select data->>'stage' as stage, data->>'status' as status from library.feed
       where subject_id = $1 and type = 'photo.stage' order by id`,
      [photo.photoId],
    );
    expect(told.rows).toEqual([
      { stage: "faces", status: "SKIPPED" },
      { stage: "people", status: "SKIPPED" },
    ]);
    await publish(events.photoFacesScanned, { photo, faces: [{}, {}], provenance: { model: "m", ms: 1 } });
    expect(await faceCount()).toBe(2);
    // Late, it takes nothing back.
    await publish(events.photoFacesScanned, { photo, skipped: true });
    expect([(await stage("faces"))[0], await faceCount()]).toEqual(["SUCCEEDED", 2]);
    // Unless a job asked once more: the service has deleted what it had found.
    const requestId = `${crypto.randomUUID()}/1`;
    await publish(events.photoFacesScanned, { photo: { ...photo, requestId }, skipped: true });
    expect([(await stage("faces"))[0], await faceCount()]).toEqual(["SKIPPED", undefined]);
  });

  test("hand a photo out no more once a stage was started too often, over restarts", async () => {
    for (let attempt = 0; attempt < 13; attempt++)
      await library.fetchForAnalysis(owner, photo.photoId, ["ocr"]);
    await library.restart();
    for (let attempt = 0; attempt < 12; attempt++)
      await library.fetchForAnalysis(owner, photo.photoId, ["ocr"]);
    const once = library.fetchForAnalysis(owner, photo.photoId, ["ocr"]);
    expect(AppError.from(await once.catch((error: unknown) => error))).toMatchObject({
      reason: "TOO_MANY_ATTEMPTS",
      retryable: false,
    });
    expect((await library.fetchForAnalysis(owner, photo.photoId, ["scene"])).byteLength).toBeGreaterThan(0);
  });

  test("tell why a stage was given up, and may still succeed later", async () => {
    await library.fetchForAnalysis(owner, photo.photoId, ["faces"]);
    await failed("face", "faces");
    expect(await stage("faces")).toEqual(["FAILED", 5, "MODEL_BROKEN: The model broke.", "", 0]);
    await library.fetchForAnalysis(owner, photo.photoId, ["faces"]);
    expect((await stage("faces")).slice(0, 2)).toEqual(["RUNNING", 6]);
    await publish(events.photoFacesScanned, { photo, provenance: { model: "m", ms: 1 } });
    expect(await stage("faces")).toEqual(["SUCCEEDED", 6, "", "m", 1]);
  });

  test("never lose a success to a late failure or another fetch", async () => {
    await publish(events.photoClassified, { photo, provenance: { model: "m", ms: 1 } });
    await failed("scene", "scene");
    expect((await library.fetchForAnalysis(owner, photo.photoId, ["scene"])).byteLength).toBeGreaterThan(0);
    expect(await stage("scene")).toEqual(["SUCCEEDED", 1, "", "m", 1]);
  });

  test("take each event once", async () => {
    const id = crypto.randomUUID();
    for (let delivery = 0; delivery < 3; delivery++) {
      await publish(events.photoClassified, { photo, provenance: { model: "m", ms: 1 } }, id);
    }
    const { rows } = await library.sql.query("select * from library.inbox where event_id = $1", [id]);
    expect(rows).toHaveLength(1);
  });

  test("do not move for foreign, unknown or misdirected events", async () => {
    await publish(events.photoClassified, {
      photo: { ...photo, ownerId: crypto.randomUUID() },
      provenance: { model: "m", ms: 1 },
    });
    await failed("scene", "faces");
    await failed("scene", "nonsense");
    await publish(events.photoDeleted, { photo });
    await library.bus.publish({
      id: crypto.randomUUID(),
      subject: "ocelli.x.photo.y",
      payload: Buffer.from("?"),
    });
    expect(await stage("scene")).toEqual(["PENDING", 0, "", "", 0]);
    expect(await stage("faces")).toEqual(["PENDING", 0, "", "", 0]);
  });

  test("announce the photo to everybody", async () => {
    const seen: eventsV1.PhotoReady[] = [];
    const watch = await library.bus.watch(events.photoReady.subject, ({ payload }) =>
      seen.push(eventsV1.PhotoReady.decode(payload)),
    );
    const { photo: stored } = await library.upload(owner, await jpeg(7000), { filename: "ready.jpg" });
    const mine = () => seen.filter((ready) => ready.photo?.photoId === stored?.id);
    await expect.poll(mine).toHaveLength(1);
    expect(mine()[0]).toMatchObject({ width: 64, height: 48, filename: "ready.jpg" });
    expect(mine()[0]?.photo).toEqual({ photoId: stored?.id, ownerId: owner, sha256: stored?.sha256 });
    expect(mine()[0]).toMatchObject({
      mediaType: "image/jpeg",
      sizeBytes: stored?.sizeBytes,
      camera: "",
      city: "",
    });
    await watch.stop();
  });
});
