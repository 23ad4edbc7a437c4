import type { Kysely } from "kysely";
import { embeddingFromBytes } from "../store/embeddings.ts";
import { listPersonFaces } from "../store/grouping-changes.ts";
import type { FaceTables } from "../store/tables.ts";
import { joinLimit } from "./calibration.ts";
import type { DecisionRules } from "./decisions.ts";
import { distanceToPerson } from "./owner-index.ts";
import type { GroupedFace } from "./types.ts";
import { distanceOf } from "./vectors.ts";

/** What a look at a person's faces found. */
export interface PersonCheck {
  facesSeen: number;
  /** Faces that do not belong. */
  strangers: string[];
}

const facesAtOnce = 500;

/**
 * Compares all faces of a person with its core, which are its exemplars that agree with most others. Faces are read page
 * by page, so memory does not grow with their number.
 */
export async function checkPerson(
  db: Kysely<FaceTables>,
  rules: DecisionRules,
  person: { ownerId: string; model: string; personId: string; exemplars: readonly GroupedFace[] },
): Promise<PersonCheck> {
  const core = coreOf(person.exemplars, rules.calibration.joinDistance + rules.calibration.keepSlack);
  const check: PersonCheck = { facesSeen: 0, strangers: [] };
  for (let after: string | null = null; ; ) {
    const faces: { id: string; quality: number; embedding: Buffer }[] = await listPersonFaces(db, person, {
      after,
      limit: facesAtOnce,
    });
    for (const { id, quality, embedding } of faces) {
      check.facesSeen += 1;
      if (!belongs({ id, quality, vector: embeddingFromBytes(embedding) }, core, rules))
        check.strangers.push(id);
    }
    after = faces.at(-1)?.id ?? null;
    if (faces.length < facesAtOnce) return check;
  }
}

function belongs(
  { id, quality, vector }: Pick<GroupedFace, "id" | "quality" | "vector">,
  core: readonly GroupedFace[],
  { calibration }: DecisionRules,
): boolean {
  const others = core.filter((member) => member.id !== id);
  const distance = distanceToPerson(vector, others);
  const limit = joinLimit(calibration, quality);
  // A face without anybody to compare with is left where it is.
  return distance === undefined || (limit !== undefined && distance <= limit + calibration.keepSlack);
}

/** The exemplar with the most others near it, and those others; of equally many the one to which they are nearest. */
export function coreOf(exemplars: readonly GroupedFace[], distance: number): GroupedFace[] {
  const groups = exemplars.map((centre) => {
    const near = exemplars.filter((other) => distanceOf(centre.vector, other.vector) <= distance);
    const spread = near.reduce((sum, other) => sum + distanceOf(centre.vector, other.vector), 0);
    return { id: centre.id, near, spread };
  });
  groups.sort((a, b) => b.near.length - a.near.length || a.spread - b.spread || (a.id < b.id ? -1 : 1));
  return groups[0]?.near ?? [];
}
