import { decodePageToken, encodePageToken, isUuid, resolvePageSize } from "@ocelli/chassis";
import type { Kysely } from "kysely";
import { z } from "zod";
import { giveFaces } from "./decisions.ts";
import type { PersonChange, PersonChanger } from "./person-changes.ts";
import { invalidCover, personNotFound } from "./person-errors.ts";
import {
  parseBirthDate,
  parseFaceIds,
  parseNameQuery,
  parsePersonId,
  parsePersonName,
  parseRequestId,
} from "./person-input.ts";
import {
  findByRequest,
  findHolder,
  insertPerson,
  isFaceOf,
  listMembers,
  type PersonChanges,
  speakOfPerson,
} from "./store/people.ts";
import { deletePersons } from "./store/people-deletion.ts";
import {
  findPersons,
  listPersons,
  type PersonFilter,
  type PersonOrder,
  type PersonView,
} from "./store/people-views.ts";
import type { FaceTables } from "./store/tables.ts";

/** What {@link createPeople} stands on. */
export interface PeopleOptions {
  db: Kysely<FaceTables>;
  changer: PersonChanger;
  now: () => Date;
  newId: () => string;
}

/** A person as a client describes it; empty texts where it says nothing. */
export interface PersonDraft {
  faceIds: readonly string[];
  name: string;
  requestId: string;
}

/** What a client wants changed; absent stays. */
export interface PersonPatch {
  /** Empty for none. */
  name?: string;
  hidden?: boolean;
  favorite?: boolean;
  /** `YYYY-MM-DD`; empty for unknown. */
  birthDate?: string;
  /** Empty for the best one. */
  coverFaceId?: string;
}

/** One page as the caller asks for it. */
export interface PeoplePageRequest {
  pageSize: number;
  pageToken: string;
  /** Part of the name; empty for any. */
  query: string;
  named?: boolean | undefined;
  hidden?: boolean | undefined;
  order: PersonOrder;
}

/**
 * Rules of persons. Unknown persons and those of others answer alike, NOT_FOUND/PERSON_NOT_FOUND. A person that was
 * merged is whoever it became, except where it is to be deleted.
 */
export interface People {
  get(ownerId: string, personId: string): Promise<PersonView>;
  /** @throws AppError INVALID_ARGUMENT/{INVALID_NAME,INVALID_PAGE_SIZE,INVALID_PAGE_TOKEN}. */
  list(ownerId: string, page: PeoplePageRequest): Promise<{ people: PersonView[]; nextPageToken: string }>;
  /** @throws AppError INVALID_ARGUMENT/{INVALID_NAME,INVALID_FACES,INVALID_REQUEST_ID}, NOT_FOUND/FACE_NOT_FOUND. */
  create(ownerId: string, draft: PersonDraft): Promise<PersonView>;
  /** @throws AppError INVALID_ARGUMENT/{INVALID_NAME,INVALID_BIRTH_DATE,INVALID_COVER}. */
  update(ownerId: string, personId: string, patch: PersonPatch): Promise<PersonView>;
  /**
   * Deletes a person with all that were merged into it. Its faces are nobody's then, by the owner's word.
   * @param erase - Also deletes what recognises them, for ever.
   */
  delete(ownerId: string, personId: string, erase: boolean): Promise<void>;
}

const pageLimits = { defaultSize: 50, maxSize: 200 };
const cursorSchema = z.object({
  favorite: z.boolean(),
  faces: z.int().min(0).max(2_147_483_647),
  // What comes from a client's token goes to the database, which has no NUL in text.
  name: z
    .string()
    .max(1000)
    .refine((text) => text.isWellFormed() && !text.includes("\0")),
  id: z.uuid(),
});

/** Creates the rules of persons. */
export function createPeople({ db, changer, now, newId }: PeopleOptions): People {
  async function get(ownerId: string, personId: string): Promise<PersonView> {
    const holder = await findHolder(db, ownerId, parsePersonId(personId));
    const [person] = holder === undefined ? [] : await findPersons(db, ownerId, [holder]);
    if (!person) throw personNotFound();
    return person;
  }

  async function add(change: PersonChange, draft: ReturnType<typeof parseDraft>): Promise<string> {
    const { trx, ownerId, at } = change;
    const earlier = draft.requestId ? await findByRequest(trx, ownerId, draft.requestId) : undefined;
    if (earlier !== undefined) return earlier;
    const id = newId();
    await insertPerson(trx, { id, ownerId, name: draft.name, requestId: draft.requestId, at });
    await giveFaces(change, draft.faceIds, id);
    return id;
  }

  async function change(word: PersonChange, personId: string, changes: PersonChanges): Promise<string> {
    const { trx, ownerId, at } = word;
    const holder = await findHolder(trx, ownerId, personId);
    if (holder === undefined) throw personNotFound();
    const cover = changes.cover_face_id;
    if (cover && !(await isFaceOf(trx, ownerId, holder, cover))) throw invalidCover();
    await speakOfPerson(trx, { ownerId, personId: holder, at }, changes);
    word.tellPersons([holder]);
    return holder;
  }

  async function remove(word: PersonChange, personId: string, erase: boolean): Promise<void> {
    const { trx, ownerId } = word;
    // A list that is out of date must not delete a survivor for one of those it was made of.
    if ((await findHolder(trx, ownerId, personId)) !== personId) throw personNotFound();
    const personIds = await listMembers(trx, ownerId, [personId]);
    word.tellPersons(personIds);
    word.tellPhotos(await deletePersons(trx, { ownerId, personIds, erase }));
  }

  return {
    get,
    async list(ownerId, page) {
      const filter = parseFilter(page);
      const size = resolvePageSize(page.pageSize, pageLimits);
      const list = ["people", filter, page.order];
      const after = decodePageToken(page.pageToken, cursorSchema, list);
      const found = await listPersons(db, { ownerId, filter, order: page.order, after, limit: size + 1 });
      const people = found.slice(0, size);
      const last = found.length > size ? people.at(-1) : undefined;
      const cursor = last && {
        favorite: last.favorite,
        faces: last.faceCount,
        name: last.lowerName,
        id: last.id,
      };
      return { people, nextPageToken: cursor ? encodePageToken(cursor, list) : "" };
    },
    async create(ownerId, draft) {
      const parsed = parseDraft(draft);
      return get(ownerId, await changer.change(ownerId, (word) => add(word, parsed)));
    },
    async update(ownerId, personId, patch) {
      const id = parsePersonId(personId);
      const changes = parsePatch(patch, now());
      return get(ownerId, await changer.change(ownerId, (word) => change(word, id, changes)));
    },
    async delete(ownerId, personId, erase) {
      const id = parsePersonId(personId);
      await changer.change(ownerId, (word) => remove(word, id, erase));
    },
  };
}

function parseFilter({ query, named, hidden }: PeoplePageRequest): PersonFilter {
  const text = parseNameQuery(query);
  return {
    ...(text === "" ? {} : { query: text }),
    ...(named === undefined ? {} : { named }),
    hidden: hidden ?? false,
  };
}

function parseDraft({ faceIds, name, requestId }: PersonDraft) {
  return {
    faceIds: parseFaceIds(faceIds),
    name: parsePersonName(name),
    requestId: parseRequestId(requestId),
  };
}

function parsePatch(patch: PersonPatch, now: Date): PersonChanges {
  const { name, hidden, favorite, birthDate, coverFaceId } = patch;
  return {
    ...(name === undefined ? {} : { name: parsePersonName(name) }),
    ...(hidden === undefined ? {} : { hidden }),
    ...(favorite === undefined ? {} : { favorite }),
    ...(birthDate === undefined ? {} : { birth_date: parseBirthDate(birthDate, now) }),
    ...(coverFaceId === undefined ? {} : { cover_face_id: parseCover(coverFaceId) }),
  };
}

function parseCover(text: string): string | null {
  if (text === "") return null;
  if (!isUuid(text)) throw invalidCover();
  return text;
}
