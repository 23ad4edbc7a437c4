import { randomUUID, randomUUIDv7 } from "node:crypto";
import type { Database } from "@ocelli/chassis";
import { expect } from "vitest";
import { createDecisions } from "../src/decisions.ts";
import type { PeopleGrouping } from "../src/grouping.ts";
import { createMerges } from "../src/merges.ts";
import { createPeople } from "../src/people.ts";
import { createPersonChanger } from "../src/person-changes.ts";
import { createPersonSuggestions } from "../src/person-suggestions.ts";
import { createRegroupings } from "../src/regroupings.ts";
import { createScans } from "../src/scans.ts";
import { listDistinctPairs } from "../src/store/decisions.ts";
import type { MergeView } from "../src/store/merges.ts";
import type { FaceTables } from "../src/store/tables.ts";
import { addPhoto, type FaceSpec, model, point } from "./grouping-support.ts";

/** What may happen to an owner's persons; the numbers choose among whatever there is. */
export interface Happening {
  kind:
    | "detect"
    | "rescan"
    | "answer"
    | "assign"
    | "unassign"
    | "reject"
    | "unreject"
    | "rename"
    | "merge"
    | "undo"
    | "mergeAndUndo"
    | "split"
    | "delete"
    | "regroup";
  picks: readonly [number, number, number];
}

interface FaceRow {
  id: string;
  person_id: string | null;
  source: "MODEL" | "USER";
}
interface PersonRow {
  id: string;
  name: string;
  source: "MODEL" | "USER";
  merged_into: string | null;
}
interface HeldMerge {
  id: string;
  survivorId: string;
  personIds: string[];
  /** Faces that the others had, of which no human has spoken since. */
  faces: Map<string, string>;
}

/** How another scan sees a face: where it was, beside it, around it in a box that hardly overlaps, or not at all. */
const seenAgain = ["same", "shifted", "larger", "missing"] as const;

const names = ["", "Ann", "Bea", "Cleo"];

/** A user's faces and persons in the store, beside a plain account of what the user said of them. */
export class World {
  readonly owner = randomUUID();
  /** Whose a human said a face is; null for nobody's. */
  readonly #assigned = new Map<string, string | null>();
  /** `face person` pairs that a human called wrong. */
  readonly #rejected = new Set<string>();
  /** Names that a human gave, empty ones included. */
  readonly #named = new Map<string, string>();
  /** `person person` pairs that a human called different. */
  readonly #distinct = new Set<string>();
  /** What is on the photos, whatever scans made of it. */
  readonly #photos = new Map<string, readonly FaceSpec[]>();
  #merges: HeldMerge[] = [];
  readonly #database: Database<FaceTables>;
  readonly #grouping: PeopleGrouping;
  readonly #people;
  readonly #decisions;
  readonly #mergeRules;
  readonly #suggestions;
  readonly #scans;

  constructor(database: Database<FaceTables>, grouping: PeopleGrouping) {
    const { db } = database;
    const now = () => new Date();
    const newId = randomUUIDv7;
    const changer = createPersonChanger({ database, relay: { kick: () => undefined }, now });
    this.#database = database;
    this.#grouping = grouping;
    this.#people = createPeople({ db, changer, now, newId });
    this.#decisions = createDecisions({ changer });
    this.#mergeRules = createMerges({ db, changer, newId });
    this.#suggestions = createPersonSuggestions({ db, changer, candidates: { list: async () => [] }, newId });
    const models = { model: "detector", embeddingModel: model };
    this.#scans = createScans({ models, grouping: grouping.grouping, newId });
  }

  /** Lets it happen, in the store and in the account. */
  async let({ kind, picks }: Happening): Promise<void> {
    const [one, two, three] = picks;
    const faces = await this.#faces();
    const persons = await this.#persons();
    const live = persons.filter((person) => person.merged_into === null);
    const face = pick(faces, one);
    const person = pick(live, two);
    const other = pick(live, three);
    if (kind === "detect") return this.#detect(picks);
    if (kind === "rescan") return this.#rescan(picks, persons);
    if (kind === "regroup") return this.#regroup();
    if (kind === "undo") return this.#undo(pick(this.#merges, one));
    if (kind === "rename" && person) return this.#rename(person.id, names[one % names.length] ?? "");
    if (kind === "delete" && person && one % 4 === 0) return this.#delete(person.id, persons, faces);
    if (kind === "split" && face)
      return this.#split([face, pick(faces, three) ?? face], names[two % 4] ?? "");
    if (kind === "assign" && face && person) return this.#assign([face.id], person.id, persons);
    if (kind === "unassign" && face) return this.#assign([face.id], null, persons);
    if (kind === "reject" && person)
      return this.#reject(this.#faceNear(faces, person.id, one), person.id, persons);
    if (kind === "unreject") return this.#unreject(one, persons);
    if (!person || !other || person === other) return;
    if (kind === "answer") return this.#answer(person.id, other.id, one % 2 === 0, faces);
    if (kind === "merge") await this.#merge(person.id, [other.id], faces);
    if (kind === "mergeAndUndo") await this.#mergeAndUndo(person.id, other.id, faces);
  }

  /** Nothing that a human said has changed. */
  async check(): Promise<void> {
    const faces = await this.#faces();
    const persons = new Map((await this.#persons()).map((person) => [person.id, person]));
    this.#checkFaces(faces, persons);
    this.#checkPersons(faces, persons);
    await this.#checkDistinctions(persons);
  }

  #checkFaces(faces: readonly FaceRow[], persons: ReadonlyMap<string, PersonRow>): void {
    for (const id of this.#assigned.keys()) {
      expect(
        faces.some((face) => face.id === id),
        `${id} is there`,
      ).toBe(true);
    }
    for (const face of faces) {
      const said = this.#assigned.get(face.id);
      if (said !== undefined) {
        expect(face.source, `source of ${face.id}`).toBe("USER");
        expect(face.person_id, `whose ${face.id} is`).toBe(said === null ? null : holder(persons, said));
      } else {
        expect(face.source, `source of ${face.id}`).toBe("MODEL");
      }
      const person = face.person_id === null ? undefined : persons.get(face.person_id);
      if (face.person_id !== null)
        expect(person, `person of ${face.id}`).toMatchObject({ merged_into: null });
    }
    for (const pair of this.#rejected) {
      const [faceId = "", personId = ""] = pair.split(" ");
      const face = faces.find(({ id }) => id === faceId);
      if (face?.source !== "MODEL" || !persons.has(personId)) continue;
      expect(face.person_id, `${faceId} is not ${personId}`).not.toBe(holder(persons, personId));
    }
  }

  #checkPersons(faces: readonly FaceRow[], persons: ReadonlyMap<string, PersonRow>): void {
    for (const [personId, name] of this.#named) {
      const person = persons.get(personId);
      expect(person, `person ${name}`).toBeDefined();
      expect(person?.source).toBe("USER");
      if (name !== "") expect(person?.name).toBe(name);
    }
    for (const { survivorId, personIds } of this.#merges) {
      for (const id of personIds) expect(persons.get(id)?.merged_into).toBe(survivorId);
    }
    for (const person of persons.values()) {
      const isEmpty = !faces.some(({ person_id }) => person_id === person.id);
      if (person.source === "MODEL" && person.merged_into === null) expect(isEmpty).toBe(false);
    }
  }

  async #checkDistinctions(persons: ReadonlyMap<string, PersonRow>): Promise<void> {
    const pairs = [...this.#distinct].map((pair) => pair.split(" ").map((id) => holder(persons, id) ?? ""));
    const expected = pairs.filter(([a, b]) => a !== b).map((pair) => pair.sort().join(" "));
    const told = await listDistinctPairs(this.#database.db, this.owner);
    const stored = told.map(({ personId, otherId }) => [personId, otherId].sort().join(" "));
    expect(stored.sort(), "persons that are different").toEqual([...new Set(expected)].sort());
  }

  /** Undoes all merges that hold, in the order that the picks choose. */
  async undoAll(picks: readonly number[]): Promise<void> {
    for (let index = 0; this.#merges.length > 0; index++) {
      await this.#undo(pick(this.#merges, picks[index % picks.length] ?? 0));
      await this.check();
    }
  }

  async #detect([one, two, three]: Happening["picks"]): Promise<void> {
    // One or two of three people, seen a little differently each time.
    const faceOf = (who: number, seen: number) => ({
      vector: point(
        ...[0, 1, 2].map((axis) => (axis === who % 3 ? 0.6 : 0)),
        (seen % 7) / 20,
        (seen % 5) / 20,
      ),
      quality: 0.5 + (seen % 5) / 10,
    });
    const faces = two % 3 === 0 ? [faceOf(one, two), faceOf(one + 1, three)] : [faceOf(one, two)];
    const photoId = randomUUIDv7();
    this.#photos.set(photoId, faces);
    await addPhoto(this.#database, this.#grouping, this.owner, faces, photoId);
  }

  /** Scans a photo again; each of its faces is seen in one of the ways of {@link seenAgain}. */
  async #rescan([one, ...ways]: Happening["picks"], persons: readonly PersonRow[]): Promise<void> {
    const photoId = pick([...this.#photos.keys()], one);
    if (photoId === undefined) return;
    const seen = (this.#photos.get(photoId) ?? []).map((face, at) => ({
      ...face,
      at,
      way: seenAgain[(ways[at] ?? 0) % 4],
    }));
    const found = seen.filter(({ way }) => way !== "missing").map(foundAgain);
    const photo = { photoId, ownerId: this.owner, sha256: photoId, requestId: "" };
    const before = await this.#facesOn(photoId);
    await this.#database.db
      .transaction()
      .execute((trx) => this.#scans.save(trx, photo, { result: found, model: "detector", ms: 1 }));
    const after = await this.#facesOn(photoId);
    expect(after.filter(({ detected }) => detected)).toHaveLength(found.length);
    const spokenOf = before.filter(({ id }) => this.#isSpokenOf(id, persons));
    for (const face of before) {
      const way = seen[placeOf(face)]?.way;
      const again = after.find(({ id }) => id === face.id);
      const isNear = way !== "missing" && (way === "larger") === face.width > 0.12;
      if (spokenOf.includes(face)) {
        expect(again?.detected, `${face.id} of which a human spoke, ${way}`).toBe(way !== "missing");
      } else expect(again !== undefined, `${face.id}, ${way}`).toBe(isNear);
    }
  }

  #isSpokenOf(faceId: string, persons: readonly PersonRow[]): boolean {
    return (
      this.#assigned.has(faceId) || persons.some((person) => this.#rejected.has(`${faceId} ${person.id}`))
    );
  }

  async #answer(personId: string, otherId: string, same: boolean, faces: readonly FaceRow[]): Promise<void> {
    const merge = await this.#suggestions.answer(this.owner, { personId, otherId, same });
    expect(merge !== undefined).toBe(same);
    if (merge) this.#hold(merge, faces);
    else {
      this.#distinct.add([personId, otherId].sort().join(" "));
      for (const id of [personId, otherId]) if (!this.#named.has(id)) this.#named.set(id, "");
    }
  }

  async #regroup(): Promise<void> {
    const { db } = this.#database;
    await createRegroupings({ db }).request(this.owner);
    await this.#grouping.worker.runPending();
    const { finishedAt } = await createRegroupings({ db }).get(this.owner);
    expect(finishedAt).not.toBeNull();
  }

  async #assign(faceIds: string[], personId: string | null, persons: readonly PersonRow[]): Promise<void> {
    await this.#decisions.assign(this.owner, faceIds, personId ?? "");
    for (const id of faceIds) this.#speak(id, personId);
    if (personId === null) return;
    const byId = new Map(persons.map((person) => [person.id, person]));
    for (const { id } of persons) {
      if (holder(byId, id) === personId)
        for (const faceId of faceIds) this.#rejected.delete(`${faceId} ${id}`);
    }
  }

  #speak(faceId: string, personId: string | null): void {
    this.#assigned.set(faceId, personId);
    for (const merge of this.#merges) merge.faces.delete(faceId);
    if (personId !== null && !this.#named.has(personId)) this.#named.set(personId, "");
  }

  /** Mostly a face that the person has: that is the one somebody would reject. */
  #faceNear(faces: readonly FaceRow[], personId: string, choice: number): string | undefined {
    const own = faces.filter(({ person_id }) => person_id === personId);
    return pick(choice % 4 === 0 || own.length === 0 ? faces : own, choice)?.id;
  }

  async #reject(faceId: string | undefined, personId: string, persons: readonly PersonRow[]): Promise<void> {
    if (faceId === undefined) return;
    const { personId: left } = await this.#decisions.reject(this.owner, faceId, personId);
    expect(left).not.toBe(personId);
    const byId = new Map(persons.map((person) => [person.id, person]));
    for (const { id } of persons) if (holder(byId, id) === personId) this.#rejected.add(`${faceId} ${id}`);
    const said = this.#assigned.get(faceId);
    if (said && holder(byId, said) === personId) this.#assigned.delete(faceId);
    for (const merge of this.#merges) {
      const home = merge.faces.get(faceId);
      if (home !== undefined && holder(byId, home) === personId) merge.faces.delete(faceId);
    }
  }

  async #unreject(choice: number, persons: readonly PersonRow[]): Promise<void> {
    const [faceId, personId] = pick([...this.#rejected], choice)?.split(" ") ?? [];
    const byId = new Map(persons.map((person) => [person.id, person]));
    if (faceId === undefined || personId === undefined || !byId.has(personId)) return;
    await this.#decisions.unreject(this.owner, faceId, personId);
    const target = holder(byId, personId);
    for (const { id } of persons) if (holder(byId, id) === target) this.#rejected.delete(`${faceId} ${id}`);
  }

  async #rename(personId: string, name: string): Promise<void> {
    await this.#people.update(this.owner, personId, { name });
    this.#named.set(personId, name);
  }

  async #split(faces: readonly FaceRow[], name: string): Promise<void> {
    const faceIds = [...new Set(faces.map(({ id }) => id))];
    const { id } = await this.#people.create(this.owner, { faceIds, name, requestId: "" });
    for (const faceId of faceIds) this.#speak(faceId, id);
    this.#named.set(id, name);
  }

  async #delete(personId: string, persons: readonly PersonRow[], faces: readonly FaceRow[]): Promise<void> {
    await this.#people.delete(this.owner, personId, false);
    const byId = new Map(persons.map((person) => [person.id, person]));
    const gone = new Set(persons.filter(({ id }) => holder(byId, id) === personId).map(({ id }) => id));
    for (const face of faces) if (face.person_id === personId) this.#speak(face.id, null);
    for (const id of gone) {
      this.#named.delete(id);
      for (const pair of this.#distinct) if (pair.includes(id)) this.#distinct.delete(pair);
    }
    this.#merges = this.#merges.filter(({ survivorId }) => !gone.has(survivorId));
  }

  async #merge(survivorId: string, personIds: string[], faces: readonly FaceRow[]): Promise<HeldMerge> {
    const { merge } = await this.#mergeRules.merge(this.owner, survivorId, personIds);
    return this.#hold(merge, faces);
  }

  #hold(merge: MergeView, faces: readonly FaceRow[]): HeldMerge {
    const { id, survivorId, personIds } = merge;
    const own = faces.filter(({ person_id }) => person_id !== null && personIds.includes(person_id));
    const homes = new Map(own.map((face) => [face.id, face.person_id ?? ""]));
    const held = { id, survivorId, personIds, faces: homes };
    this.#merges.push(held);
    return held;
  }

  async #undo(merge: HeldMerge | undefined): Promise<void> {
    if (!merge) return;
    const before = new Map((await this.#persons()).map((person) => [person.id, person]));
    const stillThere = new Set(
      (await this.#faces())
        .filter(({ id, person_id }) => {
          const home = merge.faces.get(id);
          return home !== undefined && person_id !== null && person_id === holder(before, home);
        })
        .map(({ id }) => id),
    );
    await this.#mergeRules.undo(this.owner, merge.id);
    this.#merges = this.#merges.filter((each) => each !== merge);
    // They are at home again: what later merges moved along with the survivor is none of theirs any more.
    for (const { faces } of this.#merges) for (const id of stillThere) faces.delete(id);
    for (const { id, person_id } of await this.#faces()) {
      if (stillThere.has(id)) expect(person_id, `undone: whose ${id} is`).toBe(merge.faces.get(id));
    }
  }

  async #mergeAndUndo(survivorId: string, otherId: string, faces: readonly FaceRow[]): Promise<void> {
    const before = await this.#everything();
    const merge = await this.#merge(survivorId, [otherId], faces);
    await this.check();
    await this.#undo(merge);
    expect(await this.#everything()).toEqual(before);
  }

  async #everything(): Promise<unknown[]> {
    // Not what merges note of faces: what a model moved since makes a note stale, and the next merge may tidy it away.
    const tables = ["people", "person_distinctions"] as const;
    const all: unknown[] = [await this.#faces(), await this.#rejections()];
    for (const table of tables) {
      const rows: object[] = await this.#database.db
        .selectFrom(table)
        .selectAll()
        .where("owner_id", "=", this.owner)
        .execute();
      all.push(rows.map((row) => JSON.stringify(row)).sort());
    }
    return all;
  }

  /** What was said of persons themselves, and whom faces are not on account of all that: a merge may note that twice. */
  async #rejections() {
    const rows = await this.#database.db
      .selectFrom("face_rejections")
      .selectAll()
      .where("owner_id", "=", this.owner)
      .execute();
    const persons = new Map((await this.#persons()).map((person) => [person.id, person]));
    const said = rows.filter(({ merge_id }) => merge_id === null).map((row) => JSON.stringify(row));
    const not = new Set(rows.map((row) => `${row.face_id} ${holder(persons, row.person_id)}`));
    return { said: said.sort(), not: [...not].sort() };
  }

  #facesOn(photoId: string) {
    return this.#database.db
      .selectFrom("faces")
      .select(["id", "x", "width", "detected"])
      .where("owner_id", "=", this.owner)
      .where("photo_id", "=", photoId)
      .execute();
  }

  #faces() {
    return this.#database.db
      .selectFrom("faces")
      .select(["id", "person_id", "source", "similarity"])
      .where("owner_id", "=", this.owner)
      .orderBy("id")
      .execute();
  }

  #persons(): Promise<PersonRow[]> {
    return this.#database.db
      .selectFrom("people")
      .select(["id", "name", "source", "merged_into"])
      .where("owner_id", "=", this.owner)
      .orderBy("id")
      .execute();
  }
}

/** What another scan finds of the face at a place of a photo, which {@link addPhoto} put there. */
function foundAgain({ vector, quality = 0.9, at, way }: FaceSpec & { at: number; way: string | undefined }) {
  // The larger box holds the whole of the other, and shares less than half of what both cover.
  const side = way === "larger" ? 0.145 : 0.1;
  const box = { x: at / 10 + (way === "shifted" ? 0.02 : 0), y: 0.09, width: side, height: side };
  return { box, score: 0.9, quality, landmarks: [], embedding: vector, crop: Buffer.from("crop") };
}

/** Which of a photo's faces a box is about. */
function placeOf({ x }: { x: number }): number {
  return Math.round(x * 10);
}

function pick<T>(all: readonly T[], choice: number): T | undefined {
  return all[choice % Math.max(1, all.length)];
}

/** Who a person is now. */
function holder(persons: ReadonlyMap<string, PersonRow>, personId: string): string | undefined {
  const into = persons.get(personId)?.merged_into;
  if (into === undefined) return undefined;
  return into === null ? personId : holder(persons, into);
}
