/** One measured figure. */
export interface Figure {
  /** Part of the bench it belongs to. */
  group: string;
  name: string;
  value: number;
  unit: string;
  /** What it is compared with; nothing fails when it is missed. */
  target?: { at: "most" | "least"; value: number };
  /** Single measurements behind the value, in order. */
  samples?: number[];
}

/** How much is measured. */
export interface BenchSize {
  /** Photos of one pipeline round. */
  photosPerRound: number;
  /** Rounds of each side. */
  rounds: number;
  /** Requests per side of the latency measurement. */
  requests: number;
  /** Photos in the library for the two sides of the growth measurement. */
  libraries: [number, number];
  /** Uploads timed at each of them. */
  uploads: number;
  /** Logins timed, and sessions ended. */
  logins: number;
  /** Photos of the soak. */
  soakPhotos: number;
  /** Photos of the owners whose search is measured, one after another. */
  searchLibraries: number[];
  /** Owners in one index, and photos of each. */
  searchOwners: [number, number];
  /** Searches timed per library. */
  searches: number;
  /** Faces of one owner that grouping is measured with. */
  faces: number;
}

/** About five minutes on two cores. */
export const fullSize: BenchSize = {
  photosPerRound: 36,
  rounds: 3,
  requests: 1500,
  libraries: [1_000, 10_000],
  uploads: 40,
  logins: 60,
  soakPhotos: 2_000,
  searchLibraries: [1_000, 10_000, 100_000],
  searchOwners: [50, 2_000],
  searches: 100,
  faces: 100_000,
};

/** About a minute on two cores; its figures are rough. */
export const quickSize: BenchSize = {
  photosPerRound: 16,
  rounds: 1,
  requests: 300,
  libraries: [1_000, 10_000],
  uploads: 10,
  logins: 15,
  soakPhotos: 200,
  searchLibraries: [1_000, 10_000],
  searchOwners: [10, 1_000],
  searches: 30,
  faces: 10_000,
};

/** The middle value, or the mean of the middle two; 0 of nothing. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Linear interpolation between the closest ranks; 0 of nothing. `share` is 0..1. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)] ?? 0;
  const high = sorted[Math.ceil(at)] ?? low;
  return low + (high - low) * (at - Math.floor(at));
}

/** The figures as an aligned table. */
export function formatTable(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [
    figure.group,
    figure.name,
    `${rounded(figure.value)} ${figure.unit}`.trim(),
    targetOf(figure),
    (figure.samples ?? []).map(rounded).join(", "),
  ]);
  const all = [["part", "figure", "value", "target", "samples"], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function targetOf({ target, value }: Figure): string {
  if (!target) return "";
  const met = target.at === "most" ? value <= target.value : value >= target.value;
  return `${target.at === "most" ? "<=" : ">="} ${target.value} ${met ? "met" : "MISSED"}`;
}

function rounded(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits);
}
