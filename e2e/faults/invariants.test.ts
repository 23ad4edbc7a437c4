import { stages as stageTree } from "@ocelli/contracts";
import { describe, expect, test } from "vitest";
import { type Evidence, resultTables } from "./evidence.ts";
import { type Recorded, violations } from "./invariants.ts";

const kept = "a0000000-0000-7000-8000-000000000001";
const gone = "a0000000-0000-7000-8000-000000000002";
const job = "b0000000-0000-7000-8000-000000000001";
const person = "c0000000-0000-7000-8000-000000000001";
const sha256 = "ab".repeat(32);

function recorded(): Recorded {
  const photo = { owner: 0, sha256, titles: new Set(["new"]), rerun: false };
  return {
    photos: new Map([
      [kept, { ...photo, id: kept, fate: "kept" }],
      [gone, { ...photo, id: gone, fate: "deleted" }],
    ]),
    jobs: new Map([[job, { id: job, owner: 0, key: "key" }]]),
    people: new Map([[person, { id: person, owner: 0, names: new Set(["Maria"]) }]]),
    sent: new Set([sha256]),
    planted: new Set(["planted"]),
  };
}

/** What is there when every promise was kept. */
function evidence(): Evidence {
  const stages = Object.fromEntries(stageTree.map(({ name }) => [name, "SUCCEEDED"]));
  const dead = { consumer: "face-faces", eventId: "planted", subject: "s", reason: "EVENT_MALFORMED" };
  const ofStages = stageTree.map(({ name }) => [`${kept} ${name}`, 1] as const);
  return {
    users: [
      {
        photos: [{ id: kept, sha256, title: "new", stages, original: sha256 }],
        found: [kept],
        jobs: [{ id: job, status: "SUCCEEDED", done: 1, failed: 0, total: 1 }],
        names: new Map([[person, "Maria"]]),
        deleted: new Map([[gone, 404]]),
      },
    ],
    results: new Map(resultTables.map(({ store, table }) => [`${store}.${table}`, new Map([[kept, 1]])])),
    events: new Map([["face", { unsent: 0, unheard: [], dead: [dead] }]]),
    told: new Map([
      ...ofStages,
      [`${kept} photo.ready`, 1],
      [`${gone} photo.deleted`, 1],
      [`${job} SUCCEEDED`, 1],
    ]),
    counts: [{ what: "photos of somebody", counted: 1, there: 1 }],
    open: [],
    documents: new Map([[kept, true]]),
    files: { there: [sha256], known: new Set([sha256]) },
  };
}

/** The only user. */
function user(found: Evidence) {
  const [only] = found.users;
  if (!only) throw new Error("no user");
  return only;
}

/** The only photo. */
function photo(found: Evidence) {
  const [only] = user(found).photos;
  if (!only) throw new Error("no photo");
  return only;
}

const wrongs: [name: string, break_: (found: Evidence) => void, said: RegExp][] = [
  ["a lost photo", (e) => user(e).photos.splice(0), /is lost/],
  [
    "a deleted photo in the list",
    (e) => user(e).photos.push({ ...photo(e), id: gone, sha256: "c" }),
    /is back/,
  ],
  ["a deleted photo that answers", (e) => user(e).deleted.set(gone, 200), /answers 200/],
  ["another original", (e) => Object.assign(photo(e), { original: "cd" }), /the original of/],
  [
    "an unreadable original",
    (e) => Object.assign(photo(e), { original: "not readable: 404" }),
    /not readable/,
  ],
  ["bytes that nobody sent", (e) => Object.assign(photo(e), { sha256: "cd", original: "cd" }), /nobody sent/],
  ["the same bytes twice", (e) => user(e).photos.push({ ...photo(e), id: "x" }), /there twice/],
  ["a lost title", (e) => Object.assign(photo(e), { title: "old" }), /the title of/],
  ["a failed stage", (e) => Object.assign(photo(e).stages, { ocr: "FAILED" }), /stage ocr .* FAILED/],
  ["a missing stage", (e) => Reflect.deleteProperty(photo(e).stages, "ocr"), /stage ocr .* undefined/],
  ["a photo found twice", (e) => user(e).found.push(kept), /found twice/],
  ["a photo not found", (e) => user(e).found.splice(0), /not in what is found/],
  ["a deleted photo found", (e) => user(e).found.push(gone), /or only there/],
  ["a lost job", (e) => user(e).jobs.splice(0), /job .* is lost/],
  ["a job that hangs", (e) => Object.assign(user(e).jobs[0] ?? {}, { status: "STALLED" }), /is STALLED/],
  ["a lost name", (e) => user(e).names.set(person, null), /is called null/],
  ["a lost result", (e) => e.results.get("captioning.captions")?.clear(), /captions has nothing/],
  ["a result twice", (e) => e.results.get("scene.photo_scenes")?.set(kept, 2), /photo_scenes has 2 rows/],
  ["a result of a deleted photo", (e) => e.results.get("face.face_scans")?.set(gone, 1), /of no photo/],
  ["an end told twice", (e) => e.told.set(`${kept} caption`, 2), /tells 2 times/],
  ["an end not told", (e) => e.told.delete(`${kept} index`), /tells 0 times/],
  ["a job's end told twice", (e) => e.told.set(`${job} SUCCEEDED`, 2), /tells 2 times/],
  ["an event not sent", (e) => Object.assign(e.events.get("face") ?? {}, { unsent: 1 }), /1 events of face/],
  ["an event not handled", (e) => e.events.get("face")?.unheard.push("e"), /has not handled the event e/],
  [
    "an event given up",
    (e) => e.events.get("face")?.dead.push({ consumer: "c", eventId: "e", subject: "s", reason: "R" }),
    /c gave up s e: R/,
  ],
  ["a wrong count", (e) => e.counts.push({ what: "bytes", counted: 2, there: 1 }), /bytes: 2 are counted/],
  ["something that has not ended", (e) => e.open.push("stage ocr"), /not ended: stage ocr/],
  ["a missing document", (e) => e.documents.clear(), /do not go together/],
  ["a document of a deleted photo", (e) => e.documents.set(gone, true), /do not go together/],
  ["an incomplete document", (e) => e.documents.set(kept, false), /not complete/],
  ["a file of nothing", (e) => e.files.there.push("cd"), /belongs to nothing/],
];

describe("the invariants", () => {
  test("hold where every promise was kept", () => {
    expect(violations(evidence(), recorded())).toEqual([]);
  });

  test.each(wrongs)("tell of %s", (_, breakIt, said) => {
    const found = evidence();
    breakIt(found);
    expect(violations(found, recorded()).join("\n")).toMatch(said);
  });

  test("let a photo whose deletion got no answer be there or not", () => {
    const known = recorded();
    for (const each of known.photos.values()) each.fate = "doubtful";
    const told = evidence();
    expect(violations(told, known)).toEqual([]);
  });
});
