/** Lines of level error or worse that no fault explains. */
export function unexpectedErrors(
  logs: readonly { name: string; text: string }[],
  planted: ReadonlySet<string>,
): string[] {
  return logs.flatMap(({ name, text }) =>
    text
      .split("\n")
      .filter((line) => /"level":[56]0/.test(line))
      .filter((line) => !isExplained(line, planted))
      .map((line) => `${name} logged: ${line.slice(0, 1_500)}`),
  );
}

/** What goes wrong with an event that only the faults have published is theirs. */
function isExplained(line: string, planted: ReadonlySet<string>): boolean {
  const id = /"eventId":"([^"]+)"/.exec(line)?.[1];
  return id !== undefined && planted.has(id);
}
