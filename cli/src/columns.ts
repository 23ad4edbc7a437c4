/** Rows as text, a line each, their columns aligned. What users wrote cannot reach the terminal as a control. */
export function formatColumns(rows: readonly (readonly string[])[]): string {
  const safe = rows.map((row) => row.map((cell) => cell.replace(/\p{C}/gu, "?")));
  const widths = (safe[0] ?? []).map((_, index) => Math.max(...safe.map((row) => row[index]?.length ?? 0)));
  return safe
    .map((row) =>
      row
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** A time to the second, or a dash. */
export function formatTime(time: Date | null): string {
  return time ? time.toISOString().replace(/\.\d+Z$/, "Z") : "-";
}

/** Every item of a paged list. */
export async function collectPages<T>(
  fetch: (pageToken: string) => Promise<{ items: T[]; nextPageToken: string }>,
): Promise<T[]> {
  const all: T[] = [];
  let pageToken = "";
  do {
    const page = await fetch(pageToken);
    all.push(...page.items);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return all;
}
