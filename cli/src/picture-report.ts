/** A rectangle in fractions of the upright picture. */
export interface ReportBox {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Everything Ocelli sees in one picture, as printed by `ocelli analyze --json`. */
export interface PictureReport {
  file: string;
  caption: { text: string; source: string; score: number } | null;
  scene: { labels: { label: string; score: number }[]; indoor: boolean | null; unsure: boolean } | null;
  tags: { label: string; score: number }[];
  objects: { label: string; score: number; box: ReportBox }[];
  faces: { box: ReportBox; score: number; quality: number }[];
  text: { text: string; score: number; box: ReportBox }[];
  colors: { name: string; hex: string; share: number }[];
  /** Stages that failed, with the reason. */
  errors: { stage: string; reason: string }[];
  elapsedMs: number;
}

/** A report with nothing in it yet. */
export function emptyReport(file: string): PictureReport {
  return {
    file,
    caption: null,
    scene: null,
    tags: [],
    objects: [],
    faces: [],
    text: [],
    colors: [],
    errors: [],
    elapsedMs: 0,
  };
}

/** A report for people: a few aligned lines. */
export function formatReport(report: PictureReport): string {
  const rows: [string, string][] = [
    ["caption", report.caption?.text ?? "(none)"],
    ["scene", formatScene(report)],
    ["tags", list(report.tags.map(withPercent))],
    ["objects", list(countedObjects(report))],
    ["faces", formatFaces(report)],
    ["text", list(report.text.map(({ text }) => JSON.stringify(text)))],
    ["colours", list(report.colors.map(({ name, hex, share }) => `${name} ${hex} ${percent(share)}`))],
  ];
  for (const { stage, reason } of report.errors) rows.push(["failed", `${stage}: ${reason}`]);
  const lines = rows.map(([name, value]) => `  ${name.padEnd(8)} ${value}`);
  return [`${report.file}  (${Math.round(report.elapsedMs)} ms)`, ...lines].join("\n");
}

function formatScene({ scene }: PictureReport): string {
  if (!scene) return "(none)";
  const place = scene.indoor === null ? "" : scene.indoor ? ", indoor" : ", outdoor";
  const labels = scene.labels.map(withPercent).join(", ");
  return (scene.unsure || labels === "" ? "unsure" : labels) + place;
}

function countedObjects({ objects }: PictureReport): string[] {
  const best = new Map<string, { count: number; score: number }>();
  for (const { label, score } of objects) {
    const known = best.get(label) ?? { count: 0, score: 0 };
    best.set(label, { count: known.count + 1, score: Math.max(known.score, score) });
  }
  return [...best].map(
    ([label, { count, score }]) => `${count > 1 ? `${count} x ` : ""}${label} ${percent(score)}`,
  );
}

function formatFaces({ faces }: PictureReport): string {
  if (faces.length === 0) return "-";
  return `${faces.length} (quality ${faces.map(({ quality }) => quality.toFixed(2)).join(", ")})`;
}

function list(items: string[]): string {
  return items.length > 0 ? items.join(", ") : "-";
}

function withPercent({ label, score }: { label: string; score: number }): string {
  return `${label} ${percent(score)}`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
