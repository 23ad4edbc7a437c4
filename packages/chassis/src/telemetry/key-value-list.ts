/**
 * Reads `key=value,key=value`, the form of OpenTelemetry's lists in environment variables: keys and values may be
 * percent-encoded, space around them does not count, a repeated key keeps its last value.
 * @throws Error naming the part that is none; values are not quoted, for they may be secret.
 */
export function parseKeyValues(text: string): Record<string, string> {
  const entries: [string, string][] = [];
  for (const [index, part] of text.split(",").entries()) {
    if (part.trim() === "") continue;
    const at = part.indexOf("=");
    const key = decode(part.slice(0, Math.max(0, at)));
    const value = at < 1 ? undefined : decode(part.slice(at + 1));
    if (!key || value === undefined) throw new Error(`part ${index + 1} is not key=value`);
    entries.push([key, value]);
  }
  return Object.fromEntries(entries);
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.trim());
  } catch {
    return undefined;
  }
}
