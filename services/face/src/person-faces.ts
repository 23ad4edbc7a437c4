import { createHash } from "node:crypto";
import { decodePageToken, encodePageToken, notFound, resolvePageSize } from "@ocelli/chassis";
import type { Kysely } from "kysely";
import { z } from "zod";
import { faceNotFound, personNotFound } from "./person-errors.ts";
import { parseFaceId, parsePersonId } from "./person-input.ts";
import { findCrop } from "./store/crops.ts";
import { findHolder } from "./store/people.ts";
import { type FaceView, findFaces, listFaces, listPersonPhotos } from "./store/people-faces.ts";
import type { FaceTables } from "./store/tables.ts";

/** One page of what belongs to a person, as the caller asks for it. */
export interface PersonPageRequest {
  personId: string;
  pageSize: number;
  pageToken: string;
}

/**
 * Looks at faces and at where persons are. Unknown faces and persons and those of others answer alike,
 * NOT_FOUND/{FACE,PERSON}_NOT_FOUND; pages answer INVALID_ARGUMENT/{INVALID_PAGE_SIZE,INVALID_PAGE_TOKEN}.
 */
export interface PersonFaces {
  get(ownerId: string, faceId: string): Promise<FaceView>;
  /** The cut-out. @throws AppError NOT_FOUND/CROP_NOT_FOUND when it was erased. */
  getCrop(ownerId: string, faceId: string): Promise<{ jpeg: Uint8Array; etag: string }>;
  /** Newest first; without a person, those that are nobody's. */
  list(ownerId: string, page: PersonPageRequest): Promise<{ faces: FaceView[]; nextPageToken: string }>;
  /** Photo ids, newest first. */
  listPhotos(
    ownerId: string,
    page: PersonPageRequest,
  ): Promise<{ photoIds: string[]; nextPageToken: string }>;
}

const pageLimits = { defaultSize: 50, maxSize: 200 };
const faceCursor = z.object({ at: z.iso.datetime(), id: z.uuid() });

/** Creates the rules of looking at faces. */
export function createPersonFaces({ db }: { db: Kysely<FaceTables> }): PersonFaces {
  async function get(ownerId: string, faceId: string): Promise<FaceView> {
    const [face] = await findFaces(db, ownerId, [parseFaceId(faceId)]);
    if (!face) throw faceNotFound();
    return face;
  }

  async function holderOf(ownerId: string, personId: string): Promise<string> {
    const holder = await findHolder(db, ownerId, parsePersonId(personId));
    if (holder === undefined) throw personNotFound();
    return holder;
  }

  return {
    get,
    async getCrop(ownerId, faceId) {
      await get(ownerId, faceId);
      const jpeg = await findCrop(db, ownerId, faceId);
      if (!jpeg) throw notFound("CROP_NOT_FOUND", "There is no cut-out of this face.");
      return { jpeg, etag: createHash("sha256").update(jpeg).digest("base64url").slice(0, 22) };
    },
    async list(ownerId, page) {
      const personId = page.personId === "" ? null : await holderOf(ownerId, page.personId);
      const size = resolvePageSize(page.pageSize, pageLimits);
      const cursor = decodePageToken(page.pageToken, faceCursor, ["faces", personId]);
      const after = cursor && { at: new Date(cursor.at), id: cursor.id };
      const found = await listFaces(db, { ownerId, personId, after, limit: size + 1 });
      const faces = found.slice(0, size);
      const last = found.length > size ? faces.at(-1) : undefined;
      const next = last && encodePageToken({ at: last.createdAt, id: last.id }, ["faces", personId]);
      return { faces, nextPageToken: next ?? "" };
    },
    async listPhotos(ownerId, page) {
      const personId = await holderOf(ownerId, page.personId);
      const size = resolvePageSize(page.pageSize, pageLimits);
      const after = decodePageToken(page.pageToken, z.uuid(), ["photos", personId]);
      const found = await listPersonPhotos(db, { ownerId, personId, after, limit: size + 1 });
      const photoIds = found.slice(0, size);
      const last = found.length > size ? photoIds.at(-1) : undefined;
      return { photoIds, nextPageToken: last ? encodePageToken(last, ["photos", personId]) : "" };
    },
  };
}
