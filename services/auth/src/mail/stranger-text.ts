import { isIP } from "node:net";

// What mail programs make links of. Somebody could sign up with the address of another and a name that advertises.
const looksLikeLink = /:\/\/|[/\\@]|\p{L}\.\p{L}|www\./iu;
const maxNameLength = 60;

/** The name to greet with; empty when it could pass for a link. */
export function greetingName(name: string): string {
  const plain = toOneLine(name);
  return looksLikeLink.test(plain) || [...plain].length > maxNameLength ? "" : plain;
}

/** One line without anything invisible. */
export function toOneLine(text: string): string {
  return text
    .replace(/[\p{C}\p{Z}\s]+/gu, " ")
    .trim()
    .slice(0, 320);
}

// The first that fits counts: most browsers also claim to be those further down.
const programs: readonly (readonly [RegExp, string])[] = [
  [/\bEdg(?:e|A|iOS)?\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bFirefox\/|\bFxiOS\//, "Firefox"],
  [/\bChrome\/|\bCriOS\//, "Chrome"],
  [/\bSafari\//, "Safari"],
  [/\bcurl\//, "curl"],
];
const systems: readonly (readonly [RegExp, string])[] = [
  [/\bAndroid\b/, "Android"],
  [/\b(?:iPhone|iPad)\b/, "iOS"],
  [/\bWindows\b/, "Windows"],
  [/\bMac OS X\b/, "macOS"],
  [/\bLinux\b/, "Linux"],
];

/** What a user agent says in known words only: the text itself is the sender's choice, an intruder's perhaps. */
export function describeProgram(userAgent: string): string {
  const head = userAgent.slice(0, 1000);
  const nameOf = (list: typeof programs) => list.find(([pattern]) => pattern.test(head))?.[1];
  const system = nameOf(systems);
  return `${nameOf(programs) ?? "an unknown program"}${system ? ` on ${system}` : ""}`;
}

/** An IP address, or words for none. */
export function describeAddress(address: string): string {
  return isIP(address) === 0 ? "an unknown address" : address;
}

/** A moment in UTC, e.g. `12 March 2026 at 14:05 UTC`. */
export function describeTime(iso: string): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return "an unknown time";
  const date = at.toLocaleDateString("en-GB", {
    day: "numeric",
    month: "long",
    year: "numeric",
    timeZone: "UTC",
  });
  return `${date} at ${at.toISOString().slice(11, 16)} UTC`;
}
