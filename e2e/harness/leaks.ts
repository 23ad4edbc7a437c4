/** Something that must stand nowhere, found where it must not stand. */
export interface Leak {
  /** Name of the secret, or what looks like data that nobody planted. */
  what: string;
  /** What stands around it. */
  where: string;
}

// Less would be found by chance.
const minSecretLength = 8;
// Logs and attributes cut long values: a part of a token is a leak, too.
const partLength = 24;
// Four times a hash in hex, and more than any id, signature of ours or statement has in one piece.
const blobs: readonly (readonly [string, RegExp])[] = [
  ["a row of numbers", /(?:-?\d+(?:\.\d+)?(?:e[+-]?\d+)?\s*,\s*){24,}/i],
  ["bytes as hex", /[0-9a-f]{257,}/i],
  ["bytes as base64", /[A-Za-z0-9+/_-]{256,}/],
];

/**
 * Finds secrets in a text, as they are or as base64, hex, URL or JSON would write them, and parts of long ones; and what
 * looks like bytes, pixels or embeddings. Secrets may be bytes. Keys of `secrets` are names for messages.
 */
export function findLeaks(text: string, secrets: Readonly<Record<string, string | Uint8Array>>): Leak[] {
  const folded = text.toLowerCase();
  const leaks: Leak[] = [];
  for (const [what, secret] of Object.entries(secrets)) {
    const form = formsOf(secret).find((each) => folded.includes(each.toLowerCase()));
    if (form !== undefined) leaks.push({ what, where: around(text, folded.indexOf(form.toLowerCase())) });
  }
  for (const [what, pattern] of blobs) {
    const match = pattern.exec(text);
    if (match) leaks.push({ what, where: around(text, match.index) });
  }
  return leaks;
}

/** Every way in which a secret may be written, parts of long ones included. */
export function formsOf(secret: string | Uint8Array): string[] {
  if (typeof secret !== "string") {
    const bytes = Buffer.from(secret);
    return [bytes.toString("hex"), bytes.join(","), bytes.join(", "), ...base64Of(bytes)];
  }
  if (secret.length < minSecretLength) throw new Error(`${secret} is too short to be told from other text`);
  const parts = [secret];
  for (let at = 0; secret.length > 2 * partLength && at + partLength <= secret.length; at += partLength)
    parts.push(secret.slice(at, at + partLength));
  return [...new Set(parts.flatMap(spellings))];
}

function spellings(text: string): string[] {
  const bytes = Buffer.from(text);
  const inJson = JSON.stringify(text).slice(1, -1);
  const inUrl = encodeURIComponent(text);
  return [
    text,
    inJson,
    inJson.replace(/[^\x20-\x7e]/g, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`),
    inUrl,
    inUrl.replaceAll("%20", "+"),
    bytes.toString("hex"),
    ...base64Of(bytes),
  ];
}

/** Wherever in a longer value the bytes begin, these characters stand in its base64. */
function base64Of(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString("base64")
      .replace(/=+$/, "");
    const own = encoded.slice(Math.ceil((offset * 4) / 3), Math.floor(((offset + bytes.length) * 4) / 3));
    return [own, own.replaceAll("+", "-").replaceAll("/", "_")];
  });
}

function around(text: string, index: number): string {
  return text.slice(Math.max(0, index - 160), index + 160);
}
