import type { GroupedFace } from "./types.ts";
import {
  byDistance,
  bytesPerVector,
  createVectorTable,
  distanceOf,
  type Neighbour,
  type VectorTable,
} from "./vectors.ts";

/** Faces that stand for a person, at most so many: a human's words first, then the best. */
export const exemplarsPerPerson = 12;
/** How many of the nearest exemplars say how far a face is from a person: one look-alike exemplar is not enough. */
const votes = 3;
/** Persons compared exactly, after a look at the middles of all. Of 2,000 persons the right one was always in. */
const shortlist = 32;
/** Map entries, ids and objects around an exemplar, next to its vector. */
const bytesAround = 400;

/** A person as grouping knows it. */
export interface IndexedPerson {
  id: string;
  exemplars: readonly GroupedFace[];
}

/**
 * What an owner's new face is compared with. All of it follows from the database alone, not from how it came about; but of
 * loose faces that had to make room some are only back when it is read anew.
 */
export interface OwnerIndex {
  /** Of the owner, up to which changes are in here. */
  revision: number;
  /** Counts changes of this object: who waited for the database sees that it changed meanwhile. */
  epoch: number;
  /** Faces that an open transaction was seen to change: it may be rolled back, so they are read again. */
  suspects: Set<string>;
  /** Faces that are nobody's and good enough to found a person, by face id. */
  readonly loose: VectorTable;
  /** There is no room for more of them. */
  readonly looseFull: boolean;
  /** Bytes taken, about. */
  readonly bytes: number;
  people(): Iterable<IndexedPerson>;
  person(id: string): IndexedPerson | undefined;
  /** The person that a face is an exemplar of. */
  personOfExemplar(faceId: string): string | undefined;
  /** Replaces a person's exemplars; none forgets the person. */
  setPerson(id: string, exemplars: readonly GroupedFace[]): void;
  /** The photo of a loose face. */
  photoOfLoose(faceId: string): string | undefined;
  /** Adds faces that are not in here. Of more than there is room for the newest stay, in whatever order they come. */
  addLoose(faces: readonly GroupedFace[]): void;
  removeLoose(faceId: string): void;
  qualityOfLoose(faceId: string): number;
  /** The nearest persons, nearest first; faces of `exceptPhoto` are not compared with. */
  nearestPeople(vector: Float32Array, exceptPhoto?: string): Neighbour[];
  /** Persons whose middles are within a distance. */
  peopleWithin(vector: Float32Array, distance: number): Neighbour[];
  middleOf(personId: string): Float32Array | undefined;
}

/**
 * Creates an empty index at a revision.
 * @param looseBytes - Memory for loose faces.
 */
export function createOwnerIndex(dimension: number, revision: number, looseBytes: number): OwnerIndex {
  const people = new Map<string, IndexedPerson>();
  const exemplarOf = new Map<string, string>();
  const middles = createVectorTable(dimension);
  const loose = createVectorTable(dimension);
  const looseFaces = new Map<string, { photoId: string; quality: number }>();
  const bytesPerExemplar = dimension * 4 + bytesAround;
  // Counted and not measured: a table that was larger once keeps its memory, and would refuse all that is new.
  const looseAtMost = Math.floor(looseBytes / (bytesPerVector(dimension) + bytesAround));

  /** The oldest id that stays when these come, "~" for none. Ids are UUIDs that grow with time. */
  function oldestToKeep(coming: readonly GroupedFace[]): string {
    const over = loose.size + coming.length - looseAtMost;
    if (over <= 0) return "";
    return [...loose.ids(), ...coming.map(({ id }) => id)].sort()[over] ?? "~";
  }

  const index: OwnerIndex = {
    revision,
    epoch: 0,
    suspects: new Set(),
    loose,
    get bytes() {
      const ofLoose = loose.bytes + looseFaces.size * bytesAround;
      return ofLoose + middles.bytes + exemplarOf.size * bytesPerExemplar;
    },
    get looseFull() {
      return loose.size >= looseAtMost;
    },
    people: () => people.values(),
    person: (id) => people.get(id),
    personOfExemplar: (faceId) => exemplarOf.get(faceId),
    setPerson(id, exemplars) {
      for (const { id: faceId } of people.get(id)?.exemplars ?? []) {
        if (exemplarOf.get(faceId) === id) exemplarOf.delete(faceId);
      }
      if (exemplars.length === 0) {
        people.delete(id);
        middles.delete(id);
        return;
      }
      people.set(id, { id, exemplars });
      for (const { id: faceId } of exemplars) exemplarOf.set(faceId, id);
      middles.set(id, middle(exemplars, dimension));
    },
    photoOfLoose: (faceId) => looseFaces.get(faceId)?.photoId,
    addLoose(faces) {
      const oldest = oldestToKeep(faces);
      for (const id of loose.ids().filter((each) => each < oldest)) index.removeLoose(id);
      for (const { id, photoId, quality, vector } of faces) {
        if (id < oldest) continue;
        loose.set(id, vector);
        looseFaces.set(id, { photoId, quality });
      }
    },
    removeLoose(faceId) {
      loose.delete(faceId);
      looseFaces.delete(faceId);
    },
    qualityOfLoose: (faceId) => looseFaces.get(faceId)?.quality ?? 0,
    nearestPeople(vector, exceptPhoto) {
      return middles
        .nearest(vector, shortlist)
        .flatMap(({ id }) => {
          const distance = distanceToPerson(vector, people.get(id)?.exemplars ?? [], exceptPhoto);
          return distance === undefined ? [] : [{ id, distance }];
        })
        .sort(byDistance);
    },
    peopleWithin: (vector, distance) => middles.within(vector, distance),
    middleOf: (personId) => middles.get(personId),
  };
  return index;
}

/** Mean distance to the nearest three exemplars; undefined when none is left to compare with. */
export function distanceToPerson(
  vector: Float32Array,
  exemplars: readonly GroupedFace[],
  exceptPhoto?: string,
): number | undefined {
  const nearest = exemplars
    .filter(({ photoId }) => photoId !== exceptPhoto)
    .map((exemplar) => distanceOf(vector, exemplar.vector))
    .sort((a, b) => a - b)
    .slice(0, votes);
  if (nearest.length === 0) return undefined;
  return nearest.reduce((sum, distance) => sum + distance, 0) / nearest.length;
}

function middle(faces: readonly GroupedFace[], dimension: number): Float32Array {
  const sum = new Float32Array(dimension);
  for (const { vector } of faces) {
    for (let at = 0; at < dimension; at++) sum[at] = (sum[at] ?? 0) + (vector[at] ?? 0);
  }
  return sum.map((value) => value / faces.length);
}
