/** What can be wrong with a library. */
export const findingKinds = [
  "missing-original",
  "unreadable-original",
  "wrong-hash",
  "missing-rendition",
  "orphan-files",
  "unused-image",
] as const;

/** See {@link findingKinds}. */
export type FindingKind = (typeof findingKinds)[number];

/** One thing that is wrong. */
export interface Finding {
  kind: FindingKind;
  sha256: string;
  detail: string;
  isRepaired: boolean;
}

/** Collects what is wrong; all is counted, and much is listed. */
export interface VerifyFindings {
  add(finding: Finding): void;
  readonly list: readonly Finding[];
  count(kind: FindingKind): { found: number; repaired: number };
}

const mostListed = 10_000;

/** Creates an empty collection. */
export function createFindings(): VerifyFindings {
  const list: Finding[] = [];
  const counts = new Map<FindingKind, { found: number; repaired: number }>();
  const count = (kind: FindingKind) => counts.get(kind) ?? { found: 0, repaired: 0 };
  return {
    list,
    count,
    add(finding) {
      const { found, repaired } = count(finding.kind);
      counts.set(finding.kind, { found: found + 1, repaired: repaired + (finding.isRepaired ? 1 : 0) });
      if (list.length < mostListed) list.push(finding);
    },
  };
}
