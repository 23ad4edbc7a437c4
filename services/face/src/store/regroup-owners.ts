import { type Kysely, sql } from "kysely";
import type { FaceTables } from "./tables.ts";

type Store = Kysely<FaceTables>;

/** Parts of a regrouping, in this order. */
export type RegroupPhase = "CHECK" | "MERGE" | "JOIN";

/** A regrouping under way. */
export interface RegroupState {
  ownerId: string;
  phase: RegroupPhase;
  /** The last person or face that the phase has looked at; null at its beginning. */
  cursor: string | null;
}

/** What tells replicas apart that regroup. */
export interface RegroupLease {
  /** UUID of the replica. */
  holder: string;
  /** How long others wait for a replica that says nothing more. */
  leaseMs: number;
  /** Whose embeddings the replica compares. */
  model: string;
}

/** How far a regrouping is. */
export interface RegroupProgress {
  requestedAt: Date | null;
  finishedAt: Date | null;
  facesSeen: number;
  facesAssigned: number;
  peopleMade: number;
}

/** What a step of a regrouping did. */
export interface RegroupCounts {
  facesSeen: number;
  facesAssigned: number;
  peopleMade: number;
}

const asked = sql<boolean>`regroup_requested_at is not null
  and (regroup_finished_at is null or regroup_finished_at < regroup_requested_at)`;

/** Asks for a regrouping; one that waits or runs already stays as it is. */
export async function requestRegrouping(db: Store, ownerId: string): Promise<void> {
  await sql`
    insert into face.face_owners as o (owner_id, regroup_requested_at) values (${ownerId}, now())
    on conflict (owner_id) do update
    set regroup_requested_at = now(), regroup_finished_at = null,
      faces_seen = 0, faces_assigned = 0, people_made = 0
    where o.regroup_requested_at is null or o.regroup_finished_at >= o.regroup_requested_at`.execute(db);
}

/** How the last regrouping goes or went; undefined before the first face. */
export async function findRegrouping(db: Store, ownerId: string): Promise<RegroupProgress | undefined> {
  const row = await db
    .selectFrom("face_owners")
    .select(["regroup_requested_at", "regroup_finished_at", "faces_seen", "faces_assigned", "people_made"])
    .where("owner_id", "=", ownerId)
    .executeTakeFirst();
  return (
    row && {
      requestedAt: row.regroup_requested_at,
      finishedAt: row.regroup_finished_at,
      facesSeen: row.faces_seen,
      facesAssigned: row.faces_assigned,
      peopleMade: row.people_made,
    }
  );
}

/**
 * Takes the regrouping that waits longest, one that a dead replica left included; undefined when there is none. All wait
 * while another model assigns and answers: of this one some faces have no embedding yet.
 */
export async function claimRegrouping(
  db: Store,
  { holder, leaseMs, model }: RegroupLease,
): Promise<RegroupState | undefined> {
  const { rows } = await sql<RegroupState>`
    update face.face_owners o
    set regroup_lease_owner = ${holder}, regroup_lease_until = now() + ${leaseMs} * interval '1 millisecond',
      regroup_phase = coalesce(o.regroup_phase, 'CHECK'),
      regroup_cursor = case when o.regroup_phase is null then null else o.regroup_cursor end
    where o.owner_id = (
      select owner_id from face.face_owners
      where ${asked} and enabled
        and (regroup_lease_until is null or regroup_lease_until < now())
        and not exists (select from face.face_models m where m.state = 'ACTIVE' and m.model <> ${model})
      order by regroup_requested_at, owner_id
      limit 1
      for update skip locked
    )
    returning o.owner_id as "ownerId", o.regroup_phase as phase, o.regroup_cursor as cursor`.execute(db);
  return rows[0];
}

/** Notes how far a regrouping is and keeps the lease. @returns false when another replica has taken over. */
export async function advanceRegrouping(
  db: Store,
  { holder, leaseMs }: RegroupLease,
  { ownerId, phase, cursor }: RegroupState,
  { facesSeen, facesAssigned, peopleMade }: RegroupCounts,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable("face_owners")
    .set((eb) => ({
      regroup_phase: phase,
      regroup_cursor: cursor,
      regroup_lease_until: sql<Date>`now() + ${leaseMs} * interval '1 millisecond'`,
      faces_seen: eb("faces_seen", "+", facesSeen),
      faces_assigned: eb("faces_assigned", "+", facesAssigned),
      people_made: eb("people_made", "+", peopleMade),
    }))
    .where("owner_id", "=", ownerId)
    .where("regroup_lease_owner", "=", holder)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Ends a regrouping; what was deleted before `keepFrom` is forgotten by then. @returns the revision it ends at. */
export async function finishRegrouping(
  db: Store,
  holder: string,
  ownerId: string,
): Promise<number | undefined> {
  const row = await db
    .updateTable("face_owners")
    .set((eb) => ({
      regroup_finished_at: sql<Date>`now()`,
      regroup_phase: null,
      regroup_cursor: null,
      regroup_lease_owner: null,
      regroup_lease_until: null,
      regrouped_revision: eb.ref("revision"),
    }))
    .where("owner_id", "=", ownerId)
    .where("regroup_lease_owner", "=", holder)
    .returning("revision")
    .executeTakeFirst();
  return row?.revision;
}

/** Gives the lease back at shutdown: the next replica goes on at once. */
export async function releaseRegroupings(db: Store, holder: string): Promise<void> {
  await db
    .updateTable("face_owners")
    .set({ regroup_lease_owner: null, regroup_lease_until: null })
    .where("regroup_lease_owner", "=", holder)
    .execute();
}

/**
 * Asks for a regrouping of owners, at most `limit`, who have faces that are nobody's and came since the last one, if
 * that is longer ago than `intervalMs`.
 */
export async function requestDueRegroupings(
  db: Store,
  { intervalMs, minQuality, limit }: { intervalMs: number; minQuality: number; limit: number },
): Promise<void> {
  await sql`
    update face.face_owners
    set regroup_requested_at = now(), regroup_finished_at = null,
      faces_seen = 0, faces_assigned = 0, people_made = 0
    where owner_id in (
      select o.owner_id from face.face_owners o
      where o.enabled and o.revision > o.regrouped_revision
        and (o.regroup_requested_at is null or o.regroup_finished_at >= o.regroup_requested_at)
        and coalesce(o.regroup_finished_at, '-infinity') < now() - ${intervalMs} * interval '1 millisecond'
        and exists (
          select from face.faces f
          where f.owner_id = o.owner_id and f.changed_revision > o.regrouped_revision
            and f.person_id is null and f.source = 'MODEL' and not f.erased and f.quality >= ${minQuality})
      order by o.owner_id limit ${limit}
      for update skip locked
    )`.execute(db);
}
