import type { eventsV1 } from "@ocelli/contracts";
import { type Kysely, type RawBuilder, sql } from "kysely";
import { toPhotoChanged } from "../photo-facts.ts";
import { ownerIsThere } from "./photo-rows.ts";
import type { LibraryTables } from "./tables.ts";

/** What an owner wants different; parts that are absent stay. */
export interface PhotoPatch {
  title?: string;
  description?: string;
  favorite?: boolean;
  hidden?: boolean;
  /** True puts it into the trash, where it keeps the time it was put there first. */
  trashed?: boolean;
  /** Null returns to what the file says. */
  takenAt?: { at: Date; offsetMinutes: number | null } | null;
}

/** A photo of the owner that a patch was meant for. */
export interface PatchedPhoto {
  id: string;
  /** What to tell others; null when the photo was so already. */
  change: PhotoChange | null;
}

/** A photo as it is after a change. */
export interface PhotoChange {
  event: eventsV1.PhotoChanged;
  hidden: boolean;
  trashed: boolean;
}

/**
 * Changes photos of an owner in one statement, which passes over ids of others. Rows are locked in the order of their
 * ids, so that two bulk changes never wait for each other.
 */
export async function patchPhotos(
  trx: Kysely<LibraryTables>,
  ownerId: string,
  ids: readonly string[],
  patch: PhotoPatch,
): Promise<PatchedPhoto[]> {
  const changes = changesOf(patch);
  if (changes.length === 0) throw new Error("a patch must change something");
  const { rows } = await sql<PatchedRow>`
    with mine as (
      select id from library.photos
      where owner_id = ${ownerId} and id = any(${[...ids]}::uuid[]) and ${ownerIsThere(ownerId)}
      order by id for update
    ), changed as (
      update library.photos p set ${sql.join(changes.map(({ set }) => set))}, revision = p.revision + 1
      from mine
      where p.id = mine.id and (${sql.join(
        changes.map(({ differs }) => differs),
        sql` or `,
      )})
      returning p.id, p.sha256, p.title, p.description, p.favorite, p.hidden, p.trashed_at, p.taken_at_override, p.revision
    )
    select mine.id, c.sha256, c.title, c.description, c.favorite, c.revision, c.hidden,
           c.trashed_at is not null as trashed, coalesce(c.taken_at_override, i.taken_at) as "takenAt"
    from mine left join changed c on c.id = mine.id left join library.images i on i.sha256 = c.sha256
    order by mine.id`.execute(trx);
  return rows.map((row) => ({ id: row.id, change: toChange(ownerId, row) }));
}

type PatchedRow = { id: string } & (
  | { sha256: null }
  | {
      sha256: string;
      title: string;
      description: string;
      favorite: boolean;
      hidden: boolean;
      trashed: boolean;
      takenAt: Date | null;
      revision: number;
    }
);

function toChange(ownerId: string, row: PatchedRow): PatchedPhoto["change"] {
  if (row.sha256 === null) return null;
  const { hidden, trashed } = row;
  return { event: toPhotoChanged({ ...row, ownerId }), hidden, trashed };
}

interface Change {
  set: RawBuilder<unknown>;
  differs: RawBuilder<boolean>;
}

function changesOf(patch: PhotoPatch): Change[] {
  const changes: Change[] = [];
  for (const column of ["title", "description", "favorite", "hidden"] as const) {
    const value = patch[column];
    if (value === undefined) continue;
    const name = sql.ref(column);
    changes.push({ set: sql`${name} = ${value}`, differs: sql<boolean>`p.${name} <> ${value}` });
  }
  if (patch.trashed !== undefined) changes.push(patch.trashed ? intoTrash : outOfTrash);
  if (patch.takenAt !== undefined) changes.push(toTakenAt(patch.takenAt));
  return changes;
}

// The time of the database: that of one replica may be ahead of another's.
const intoTrash: Change = {
  set: sql`trashed_at = coalesce(p.trashed_at, now())`,
  differs: sql<boolean>`p.trashed_at is null`,
};
const outOfTrash: Change = { set: sql`trashed_at = null`, differs: sql<boolean>`p.trashed_at is not null` };

function toTakenAt(takenAt: NonNullable<PhotoPatch["takenAt"]> | null): Change {
  const at = sql`${takenAt?.at ?? null}::timestamptz`;
  const offset = sql`${takenAt?.offsetMinutes ?? null}::smallint`;
  return {
    set: sql`taken_at_override = ${at}, taken_at_override_offset_minutes = ${offset}, captured_at = coalesce(
        ${at}, (select i.taken_at from library.images i where i.sha256 = p.sha256), p.created_at)`,
    differs: sql<boolean>`(p.taken_at_override, p.taken_at_override_offset_minutes) is distinct from (${at}, ${offset})`,
  };
}
