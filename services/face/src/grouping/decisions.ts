import { type FaceCalibration, joinLimit } from "./calibration.ts";
import { distanceToPerson, type OwnerIndex } from "./owner-index.ts";
import type { GroupedFace } from "./types.ts";
import { byDistance, distanceOf, type Neighbour } from "./vectors.ts";

/** What decisions are made by. */
export interface DecisionRules {
  calibration: FaceCalibration;
  /** So many faces of different photos, each near every other, are a person. */
  foundSize: number;
}

/** Faces near a new one that are looked at when a person may be found: the nearest ones. */
const candidatesAtMost = 200;

/**
 * The person whom a face is to join: the nearest, near enough for the face's quality, and nearer than anybody else by a
 * margin. Persons of whom a human said that it is not them are left out.
 */
export function personToJoin(
  index: OwnerIndex,
  { calibration }: DecisionRules,
  face: GroupedFace,
  rejected: ReadonlySet<string>,
): Neighbour | undefined {
  const limit = joinLimit(calibration, face.quality);
  if (limit === undefined) return undefined;
  const [first, second] = index
    .nearestPeople(face.vector, face.photoId)
    .filter(({ id }) => !rejected.has(id));
  if (!first || first.distance > limit) return undefined;
  if (second && second.distance - first.distance < calibration.margin) return undefined;
  return first;
}

/** A person that nobody knew before. */
export interface FoundGroup {
  /** The new face first. */
  members: GroupedFace[];
}

/**
 * The faces that are a new person together with this one: mutually near, of different photos, nobody's so far. A face
 * near somebody who is known founds nobody: better nobody's than the same person twice.
 */
export function groupToFound(
  index: OwnerIndex,
  rules: DecisionRules,
  face: GroupedFace,
  { rejected, taken }: { rejected: ReadonlySet<string>; taken: ReadonlySet<string> },
): FoundGroup | undefined {
  const { foundQuality, foundDistance, joinDistance } = rules.calibration;
  if (!(face.quality >= foundQuality)) return undefined;
  const near = looseNear(index, face, foundDistance, taken);
  if (near.length + 1 < rules.foundSize) return undefined;
  const known = index.nearestPeople(face.vector, face.photoId).find(({ id }) => !rejected.has(id));
  if (known && known.distance <= joinDistance) return undefined;
  const members = [face];
  for (const candidate of near) {
    const fits = members.every(
      ({ photoId, vector }) =>
        photoId !== candidate.photoId && distanceOf(vector, candidate.vector) <= foundDistance,
    );
    if (fits) members.push(candidate);
  }
  return members.length >= rules.foundSize ? { members } : undefined;
}

/** Loose faces near a new person's first face that join the person by the rule for everybody, one per photo. */
export function followersOf(
  index: OwnerIndex,
  { calibration }: DecisionRules,
  { members }: FoundGroup,
  taken: ReadonlySet<string>,
): { face: GroupedFace; distance: number }[] {
  const [first] = members;
  if (!first) return [];
  const photos = new Set(members.map(({ photoId }) => photoId));
  const memberIds = new Set(members.map(({ id }) => id));
  const followers: { face: GroupedFace; distance: number }[] = [];
  for (const face of looseNear(index, first, calibration.suggestDistance, taken)) {
    if (photos.has(face.photoId) || memberIds.has(face.id)) continue;
    const distance = distanceToPerson(face.vector, members);
    const limit = joinLimit(calibration, face.quality);
    if (distance === undefined || limit === undefined || distance > limit) continue;
    const [other] = index.nearestPeople(face.vector, face.photoId);
    if (other && other.distance - distance < calibration.margin) continue;
    followers.push({ face, distance });
    photos.add(face.photoId);
  }
  return followers;
}

function looseNear(
  index: OwnerIndex,
  face: GroupedFace,
  distance: number,
  taken: ReadonlySet<string>,
): GroupedFace[] {
  const near: GroupedFace[] = [];
  for (const { id } of index.loose.within(face.vector, distance)) {
    const photoId = index.photoOfLoose(id);
    const vector = index.loose.get(id);
    if (!photoId || !vector || photoId === face.photoId || taken.has(id)) continue;
    near.push({ id, photoId, quality: index.qualityOfLoose(id), vector: vector.slice() });
    if (near.length === candidatesAtMost) break;
  }
  return near;
}

/** A face with the person it is to join. */
export interface Join {
  face: GroupedFace;
  personId: string;
  distance: number;
}

/**
 * Which faces of one photo join whom. Nobody is twice on a photo by a model's word: of several faces near one person
 * the nearest joins, and who is on the photo already takes no further face.
 */
export function joinsOfPhoto(
  index: OwnerIndex,
  rules: DecisionRules,
  faces: readonly GroupedFace[],
  {
    present,
    rejections,
  }: { present: ReadonlySet<string>; rejections: ReadonlyMap<string, ReadonlySet<string>> },
): Join[] {
  const wishes = faces.flatMap((face) => {
    const join = personToJoin(index, rules, face, rejections.get(face.id) ?? new Set());
    return join ? [{ face, personId: join.id, distance: join.distance }] : [];
  });
  const used = new Set(present);
  return wishes
    .sort((a, b) =>
      byDistance({ id: a.face.id, distance: a.distance }, { id: b.face.id, distance: b.distance }),
    )
    .filter(({ personId }) => !used.has(personId) && used.add(personId));
}
